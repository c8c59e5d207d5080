internal import DuctRecords
internal import OrderedCollections
internal import OutputRelay
internal import RecordText
internal import ResilientIO

/// info.json as it is written into the log directory: with what is known of the delivery by then.
struct DeliveredInfo: Sendable {
  let paths: LogPaths
  /// On it stands which names our files have.
  let status: RelayStatus
  /// The run's id.
  let runID: String

  /// - Parameter events: of the process that writes it. What others of the run have told of stands in the record.
  func bytes(of record: [UInt8], _ events: [IOEvent]) -> [UInt8] {
    let names = namesBeside
    guard !events.isEmpty || !names.isEmpty, case .object(var members)? = try? JSONParser.parse(record) else {
      return record
    }
    if !events.isEmpty, let list = try? RecordEncoder().encode(events) {
      members["io_events"] = .array(earlier(members["io_events"], than: events) + (list.array ?? []))
    }
    if !names.isEmpty, case .object(var places)? = members["output_paths"] {
      for (key, name) in names {
        guard let path = places[key]?.string else { continue }
        let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[...$0] } ?? ""
        places[key] = .string(folder + name)
      }
      members["output_paths"] = .object(places)
    }
    return JSONWriter.bytes(of: .object(members)) + [UInt8(ascii: "\n")]
  }

  /// Those of processes before this one.
  private func earlier(_ recorded: JSONValue?, than events: [IOEvent]) -> [JSONValue] {
    (recorded?.array ?? []).filter { one in
      !events.contains { $0.path == one["path"]?.string && $0.firstTime == one["first_time"]?.double }
    }
  }

  /// The names of files that are not at their paths, since another has those; by their member of `output_paths`.
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
