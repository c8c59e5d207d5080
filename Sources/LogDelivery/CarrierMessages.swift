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
struct CarrierReply: Codable, Sendable {
  /// Existing records that the carrier has not replaced.
  var existing: [String]?
  var notice: CarrierNotice?
  var events: [IOEvent]?
  var leftovers: [LeftoverMessage]?
}

struct LeftoverMessage: Codable, Sendable, Equatable {
  var path: String
  var bytes: Int
  var failure: String?

  init(_ leftover: Deliverer.Leftover) {
    path = String(escaping: leftover.path.bytes)
    bytes = leftover.bytes
    failure = leftover.failure
  }

  var leftover: Deliverer.Leftover { .init(path: FilePath(escaped: path), bytes: bytes, failure: failure) }
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

  static func open(_ number: CInt) -> FileDescriptor? {
    let descriptor = FileDescriptor(rawValue: number)
    return descriptor.isOpen ? descriptor : nil
  }
}
