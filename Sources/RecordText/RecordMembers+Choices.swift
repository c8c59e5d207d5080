/// Words of which each stands for a case. A word that this release does not know counts as missing, because another
/// release may have written the record.
extension RecordMembers {
  public mutating func callAsFunction<Choice: RawRepresentable<String>>(
    _ name: StaticString, _ value: inout Choice?
  ) {
    var word = value?.rawValue
    self(name, &word)
    if isReading { value = word.flatMap(Choice.init(rawValue:)) }
  }

  public mutating func callAsFunction<Choice: RawRepresentable<String>>(
    _ name: StaticString, _ value: inout Choice
  ) {
    var word = value.rawValue
    self(name, &word)
    guard isReading else { return }
    if let choice = Choice(rawValue: word) { value = choice } else { reader.noteWrongType(name.description) }
  }

  /// A list that may be missing, which is the same as an empty one.
  public mutating func callAsFunction<Choice: RawRepresentable<String>>(
    _ name: StaticString, _ value: inout [Choice]
  ) {
    // Closures, because the runtime would make a key path of a generic type anew in each call.
    var words = isReading ? [] : value.map { $0.rawValue }
    self(name, &words, or: [])
    if isReading { value = words.compactMap { Choice(rawValue: $0) } }
  }
}
