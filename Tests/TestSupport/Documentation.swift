public import RecordText
import SystemCalls
public import SystemPackage

/// Reads the project's documents.
public enum Documentation {
  public static let project = FilePath(#filePath)
    .removingLastComponent().removingLastComponent().removingLastComponent()

  public static func text(_ name: String) throws -> String {
    String(decoding: try readAll(project.appending(name)), as: UTF8.self)
  }

  /// Names of a record's members, at any depth, that docs/records.md does not explain.
  ///
  /// - Parameter free: members whose own members have arbitrary names, such as pids, variables or TRES.
  public static func unexplained(
    in record: JSONValue,
    free: Set<String> = ["env", "processes", "stat", "tres_requested", "tres_allocated"]
  ) throws -> Set<String> {
    let document = try text("docs/records.md")
    return names(in: record, free: free).filter { !document.contains("`\($0)`") }
  }

  private static func names(in value: JSONValue, free: Set<String>) -> Set<String> {
    switch value {
    case .object(let members):
      var found = Set(members.keys)
      for (name, member) in members {
        if !free.contains(name) {
          found.formUnion(names(in: member, free: free))
        } else if case .object(let data) = member {
          for item in data.values { found.formUnion(names(in: item, free: free)) }
        }
      }
      return found
    case .array(let items):
      return items.reduce(into: []) { $0.formUnion(names(in: $1, free: free)) }
    default: return []
    }
  }
}
