import Glibc
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// A command from duct to the carrier process. A message consists of one letter, the length of the payload (4
/// bytes, little endian), and the payload.
enum CarrierCommand: Character {
  /// Reply with the records that exist, and remove none.
  case prepare = "p"
  /// Remove the records that exist. The payload is a deadline, as `MonotonicInstant.message`.
  case replacePrepared = "c"
  case stdoutHasGrown = "o"
  case stderrHasGrown = "e"
  case usageHasGrown = "u"
  /// The payload is the whole of info.json.
  case info = "i"
  case finish = "f"
  /// Remove the files that this run has put into the log directory.
  case discard = "d"

  func message(_ payload: [UInt8] = []) -> [UInt8] {
    var bytes = Array(String(rawValue).utf8)
    withUnsafeBytes(of: UInt32(payload.count).littleEndian) { bytes.append(contentsOf: $0) }
    return bytes + payload
  }

  /// Reads the next message. Nil if duct has closed its end of the socket, or if the command is not known.
  static func next(from socket: FileDescriptor) -> (CarrierCommand, [UInt8])? {
    guard let head = read(5, from: socket),
      let command = CarrierCommand(rawValue: Character(Unicode.Scalar(head[0])))
    else {
      return nil
    }
    let length = head[1...].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard let payload = read(length, from: socket) else { return nil }
    return (command, payload)
  }

  private static func read(_ count: Int, from socket: FileDescriptor) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let got = try? valueOrErrno {
        bytes.withUnsafeMutableBytes {
          Glibc.read(socket.rawValue, $0.baseAddress.map { $0 + done }, count - done)
        }
      }
      guard let got, got > 0 else { return nil }
      done += got
    }
    return bytes
  }
}

extension MonotonicInstant {
  /// The instant as bytes, for another process of this host: CLOCK_MONOTONIC is the same in all of them.
  var message: [UInt8] { withUnsafeBytes(of: nanoseconds.littleEndian) { Array($0) } }

  /// - Parameter message: the value of `message` in the other process. If it is too short, the instant is in
  ///   the past.
  init(message: [UInt8]) { self.init(nanoseconds: message.reversed().reduce(0) { $0 << 8 | Int64($1) }) }
}

/// A reply of the carrier process: one line of JSON.
struct CarrierReply: Record {
  /// Existing records that the carrier has not replaced.
  var existing: [String]?
  var notice: NoticeMessage?
  var events: [IOEvent]?
  var leftovers: [LeftoverMessage]?

  mutating func list(_ members: inout RecordMembers) {
    members("existing", &existing)
    members("notice", &notice)
    members("events", &events)
    members("leftovers", &leftovers)
  }
}

struct LeftoverMessage: Record, Equatable {
  var path = ""
  var bytes = 0
  var failure: String?

  init() {}

  mutating func list(_ members: inout RecordMembers) {
    members("path", &path)
    members("bytes", &bytes)
    members("failure", &failure)
  }

  init(_ leftover: Deliverer.Leftover) {
    path = String(escaping: leftover.path.bytes)
    bytes = leftover.bytes
    failure = leftover.failure
  }

  var leftover: Deliverer.Leftover { .init(path: FilePath(escaped: path), bytes: bytes, failure: failure) }
}

/// A `CarrierNotice` in JSON: its kind, and the members that notices of this kind have.
struct NoticeMessage: Record {
  private enum Kind: String {
    case began, ended, displaced, restored, lost
  }

  private var kind = Kind.began
  private var path: String?
  private var place: String?
  private var failure: String?
  private var isAboutCredentials: Bool?
  private var tries: Int?
  private var seconds: Double?
  private var bytes: Int?

  init() {}

  init(_ notice: CarrierNotice) {
    switch notice {
    case .began(let failure, let isAboutCredentials):
      (kind, self.failure, self.isAboutCredentials) = (.began, failure, isAboutCredentials)
    case .ended(let tries, let seconds): (kind, self.tries, self.seconds) = (.ended, tries, seconds)
    case .displaced(let path, let place): (kind, self.path, self.place) = (.displaced, path, place)
    case .restored(let path, let missing): (kind, self.path, bytes) = (.restored, path, missing)
    case .lost(let path, let bytes): (kind, self.path, self.bytes) = (.lost, path, bytes)
    }
  }

  var notice: CarrierNotice {
    let path = path ?? ""
    return switch kind {
    case .began: .began(failure: failure ?? "", isAboutCredentials: isAboutCredentials ?? false)
    case .ended: .ended(tries: tries ?? 0, seconds: seconds ?? 0)
    case .displaced: .displaced(path: path, place: place ?? "")
    case .restored: .restored(path: path, missing: bytes ?? 0)
    case .lost: .lost(path: path, bytes: bytes ?? 0)
    }
  }

  mutating func list(_ members: inout RecordMembers) {
    members("kind", &kind)
    members("path", &path)
    members("place", &place)
    members("failure", &failure)
    members("is_about_credentials", &isAboutCredentials)
    members("tries", &tries)
    members("seconds", &seconds)
    members("bytes", &bytes)
  }
}

/// The numbers of the descriptors that the carrier process gets from duct.
enum CarrierPlacement {
  static let socket: CInt = 0
  static let status: CInt = 3
  /// The spool file and the memory file of stdout, then those of stderr.
  static let stores: [[CInt]] = [[4, 5], [6, 7]]
  /// The spool file and the memory file of usage.jsonl.
  static let usage: [CInt] = [8, 9]
  /// The eventfd that makes the relay check requests.
  static let wake: CInt = 10
  /// The copy of the page in the spool.
  static let copy: CInt = 11
  static let count = 12

  static func sources(
    _ spool: RunSpool, socket: FileDescriptor, wake: FileDescriptor, null: FileDescriptor
  ) -> [Program.Source] {
    var sources = [Program.Source](repeating: .closed, count: count)
    func place(_ descriptor: FileDescriptor?, at number: CInt) {
      if let descriptor { sources[Int(number)] = .duplicate(of: descriptor) }
    }
    place(socket, at: Self.socket)
    place(null, at: 1)
    place(null, at: 2)
    place(spool.status.descriptor, at: status)
    place(spool.status.copy, at: copy)
    for (stores, numbers) in zip(spool.stores, Self.stores) {
      place(stores?[.spool], at: numbers[0])
      place(stores?[.memory], at: numbers[1])
    }
    place(wake, at: Self.wake)
    place(spool.usageFile, at: usage[0])
    place(spool.usageMemory, at: usage[1])
    return sources
  }

  /// The descriptors that this process was started with.
  ///
  /// Find them before opening anything: a new file gets the lowest free number, such as that of a stream that is not
  /// captured.
  struct Found: Sendable {
    private let open: Set<CInt>

    init() { open = Set((0..<CInt(count)).filter { FileDescriptor(rawValue: $0).isOpen }) }

    subscript(_ number: CInt) -> FileDescriptor? {
      open.contains(number) ? FileDescriptor(rawValue: number) : nil
    }
  }
}
