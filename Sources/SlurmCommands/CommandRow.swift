/// One record of what a command of Slurm prints: its fields by name. What means "not set" is nil.
struct CommandRow<Field: CaseIterable & Hashable> {
  private let values: [Field: String]

  /// - Parameter texts: in the order of the fields.
  init(_ texts: [String], _ fields: [Field] = Array(Field.allCases)) {
    values = Dictionary(uniqueKeysWithValues: zip(fields, texts))
  }

  /// As it was printed.
  subscript(field: Field) -> String? { values[field] }

  func text(_ field: Field) -> String? { values[field].flatMap(CommandText.value) }
  func number(_ field: Field) -> UInt32? { values[field].flatMap(CommandText.number) }
  func time(_ field: Field) -> Int? { values[field].flatMap(CommandText.time) }
  func duration(_ field: Field) -> Double? { values[field].flatMap(CommandText.duration) }
  func exitStatus(_ field: Field) -> UInt32? { values[field].flatMap(CommandText.exitStatus) }
  func memory(_ field: Field) -> Int64? { values[field].flatMap(CommandText.memory) }
  /// A name, which may be `N/A` or `(null)` itself.
  func name(_ field: Field) -> String? { values[field].flatMap { $0.isEmpty ? nil : $0 } }
}
