/// One record in the output of a Slurm command: its fields by name. Values that mean "not set" are nil.
struct CommandRow<Field: CaseIterable & Hashable> {
  private let values: [Field: String]

  /// - Parameter texts: the values in the order of `fields`.
  init(_ texts: [String], _ fields: [Field] = Array(Field.allCases)) {
    values = Dictionary(uniqueKeysWithValues: zip(fields, texts))
  }

  /// The value as printed.
  subscript(field: Field) -> String? { values[field] }

  func text(_ field: Field) -> String? { values[field].flatMap(CommandText.value) }
  func number(_ field: Field) -> UInt32? { values[field].flatMap(CommandText.number) }
  func time(_ field: Field) -> Int? { values[field].flatMap(CommandText.time) }
  func duration(_ field: Field) -> Double? { values[field].flatMap(CommandText.duration) }
  func exitStatus(_ field: Field) -> UInt32? { values[field].flatMap(CommandText.exitStatus) }
  /// The amount of one resource in a list of them.
  func amount(_ name: String, _ field: Field) -> Int64? {
    values[field].flatMap { CommandText.amount(name, in: $0) }
  }
  /// A name. Unlike in `text`, `N/A` and `(null)` count as names.
  func name(_ field: Field) -> String? { values[field].flatMap { $0.isEmpty ? nil : $0 } }
}
