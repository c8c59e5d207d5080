public import OrderedCollections

/// An object whose member names are data (environment variables, TRES, pids), in order.
public struct OrderedFields<Value: Sendable>: Sendable {
  public var members: OrderedDictionary<String, Value>

  public init(_ members: OrderedDictionary<String, Value> = [:]) { self.members = members }

  public subscript(name: String) -> Value? {
    get { members[name] }
    set { members[name] = newValue }
  }
}

extension OrderedFields: Equatable where Value: Equatable {}
