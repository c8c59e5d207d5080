internal import DuctRecords
internal import OrderedCollections
internal import OutputRelay
internal import RecordText
internal import ResilientIO

/// info.json as the carrier writes it into the log directory.
///
/// The carrier owns two of its members and gets the rest as bytes: `io_events`, because failures of the delivery are
/// known to it alone, and the names in `output_paths`, because a file is beside its path where another file has that
/// name.
struct DeliveredInfo: Sendable {
  private static let (events, paths) = ("io_events", "output_paths")

  let paths: LogPaths
  /// The page: on it stand the names that the run's files have.
  let status: RelayStatus
  let runID: String

  /// - Parameters:
  ///   - record: info.json as duct has written it.
  ///   - events: the failures that this process has seen. The record contains those of other processes of the run.
  func bytes(of record: [UInt8], _ events: [IOEvent]) -> [UInt8] {
    let names = namesBeside
    if events.isEmpty, names.isEmpty { return record }
    let places = JSONMembers.ranges(of: [Self.events, Self.paths], in: record)
    var values: [(place: Range<Int>, value: [UInt8])] = []
    if !events.isEmpty, let place = places[Self.events] {
      let earlier = earlier(try? JSONParser.parse(Array(record[place])), than: events)
      values.append((place, JSONWriter.bytes(of: .array(earlier + events.map(\.jsonValue)))))
    }
    if !names.isEmpty, let place = places[Self.paths],
      case .object(var members)? = try? JSONParser.parse(Array(record[place]))
    {
      for (key, name) in names {
        guard let path = members[key]?.string else { continue }
        let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[...$0] } ?? ""
        members[key] = .string(folder + name)
      }
      values.append((place, JSONWriter.bytes(of: .object(members))))
    }
    return JSONMembers.replacing(values, in: record)
  }

  /// The recorded events that earlier processes of the run have seen.
  private func earlier(_ recorded: JSONValue?, than events: [IOEvent]) -> [JSONValue] {
    (recorded?.array ?? []).filter { one in
      !events.contains { $0.path == one["path"]?.string && $0.firstTime == one["first_time"]?.double }
    }
  }

  /// The names of files that are beside their paths, with their members of `output_paths`.
  private var namesBeside: [(key: String, name: String)] {
    RelayStatus.Target.allCases.compactMap { target in
      guard let number = status.notes(of: target).first?.name, number > 0 else { return nil }
      let path = paths.path(of: target).originalBytes
      let start = path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
      let name = nameBeside(Array(path[start...]), runID: runID, number: number)
      return (target.memberOfOutputPaths, String(escaping: name))
    }
  }
}

extension RelayStatus.Target {
  fileprivate var memberOfOutputPaths: String {
    switch self {
    case .stdout: "stdout"
    case .stderr: "stderr"
    case .usage: "usage"
    case .info: "info"
    }
  }
}
