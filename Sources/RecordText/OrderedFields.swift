public import OrderedCollections

/// An object whose member names are data (environment variables, TRES, pids), in order.
///
/// `OrderedDictionary` would encode itself as a list of alternating names and values.
public struct OrderedFields<Value: Codable & Sendable>: Codable, Sendable {
  public var members: OrderedDictionary<String, Value>

  public init(_ members: OrderedDictionary<String, Value> = [:]) { self.members = members }

  public subscript(name: String) -> Value? {
    get { members[name] }
    set { members[name] = newValue }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Name.self)
    members = [:]
    for name in container.allKeys {
      members[name.stringValue] = try container.decode(Value.self, forKey: name)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    for (name, value) in members { try container.encode(value, forKey: Name(stringValue: name)) }
  }

  struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

extension OrderedFields: Equatable where Value: Equatable {}
