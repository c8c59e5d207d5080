public import RecordText

/// The words of a job's record. The methods for any type do the same, but these are called for each job of a large
/// record, and a generic method of another module looks up its type at run time in each call.
extension RecordMembers {
  public mutating func callAsFunction(_ name: StaticString, _ value: inout JobState) {
    self(name, &value.rawValue)
  }

  public mutating func callAsFunction(_ name: StaticString, _ value: inout JobState?) {
    var word = value?.rawValue
    self(name, &word)
    value = word.map { JobState(rawValue: $0) }
  }

  public mutating func callAsFunction(_ name: StaticString, _ value: inout JobSource?) {
    var word = value?.rawValue
    self(name, &word)
    if isReading { value = word.flatMap { JobSource(rawValue: $0) } }
  }

  public mutating func callAsFunction(_ name: StaticString, _ value: inout [JobEvidence]) {
    var words = isReading ? [] : value.map { $0.rawValue }
    self(name, &words, or: [])
    if isReading { value = words.compactMap { JobEvidence(rawValue: $0) } }
  }
}
