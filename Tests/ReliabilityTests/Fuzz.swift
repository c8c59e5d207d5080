import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport

/// What a fuzzed name holds.
enum FuzzedFile {
  case bytes([UInt8])
  case sparse(Int)
  case fifo, folder, nothing, unreadable
  case link(String)
}

/// Damages files as disks, other releases and hostile neighbors do, and in ways that nothing real does.
struct Fuzz {
  var numbers: SeededGenerator

  init(_ seed: UInt64, _ number: Int) { numbers = Self.generator(seed, number) }

  /// The same seed and number always give the same damage.
  static func generator(_ seed: UInt64, _ number: Int) -> SeededGenerator {
    var generator = SeededGenerator(
      seed: seed &+ UInt64(truncatingIfNeeded: number) &* 0xD6E8_FEB8_6659_FD93)
    _ = generator.next()
    return generator
  }

  // MARK: Files

  mutating func damaged(_ bytes: [UInt8], isPage: Bool) -> FuzzedFile {
    switch numbers.below(12) {
    case 0: return special()
    case 1...3: return .bytes(bytesChanged(bytes))
    case 4: return .bytes(bytesChanged(isPage ? pageChanged(bytes) : jsonChanged(bytes)))
    default: return .bytes(isPage ? pageChanged(bytes) : jsonChanged(bytes))
    }
  }

  private mutating func special() -> FuzzedFile {
    switch numbers.below(8) {
    case 0: .fifo
    case 1: .folder
    case 2: .nothing
    case 3: .unreadable
    case 4:
      .link(numbers.one(of: ["/etc/passwd", "/dev/zero", "/nonexistent", ".", "stdout", "/proc/self/mem"]))
    case 5: .bytes([])
    case 6: .bytes([UInt8](repeating: numbers.isOne(in: 2) ? 0 : 0x5B, count: numbers.below(1 << 20)))
    default: .sparse(1 << (10 + numbers.below(34)))
    }
  }

  private mutating func bytesChanged(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...numbers.below(4) {
      let start = numbers.below(bytes.count)
      let end = min(start + 1 + numbers.below(numbers.isOne(in: 4) ? bytes.count : 16), bytes.count)
      if start >= end { return bytes }
      switch numbers.below(6) {
      case 0: bytes.removeSubrange(start..<end)
      case 1: bytes.insert(contentsOf: bytes[start..<end], at: start)
      case 2: bytes.removeSubrange(start...)
      case 3: for index in start..<end { bytes[index] = UInt8(truncatingIfNeeded: numbers.next()) }
      case 4: bytes[start] ^= 1 << numbers.below(8)
      default: bytes[start] = numbers.one(of: Array("\"\\{}[],:-.eE0\u{0}\n\u{1B}".utf8))
      }
    }
    return bytes
  }

  // MARK: The page

  private mutating func pageChanged(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...numbers.below(4) where bytes.count >= 8 {
      let isLong = !numbers.isOne(in: 4)
      let offset = numbers.below(bytes.count / 8) * 8 + (isLong ? 0 : numbers.below(2) * 4)
      let value: UInt64 =
        switch numbers.below(6) {
        case 0: UInt64(numbers.below(100))
        case 1: numbers.next()
        case 2: 1 << UInt64(numbers.below(64))
        case 3: (1 << UInt64(numbers.below(64))) - 1
        default: numbers.one(of: [0, .max, .max - 1, 1 << 63, 1 << 62, UInt64(Int64.max)])
        }
      for index in 0..<(isLong ? 8 : 4) {
        bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
      }
    }
    return bytes
  }

  // MARK: JSON

  /// Texts in place of a JSON value. Not all of them are valid JSON.
  private static let values = [
    "null", "true", "false", "[]", "{}", "\"\"", "\"x\"", "0", "-1", "1", "0.5", "-0", "1e308", "-1e308",
    "1e400",
    "NaN", "Infinity", "-Infinity", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
    "18446744073709551615", "4294967296", "2147483648", "253402300800", "1e15", "1e18", "-62135596801",
    "\"\\u0000\"",
    "\"\\ud800\"", "\"\\udcff\"", "\"\\u202e\\u001b[2J\"", "\"/\"", "\"../../x\"", "\"/dev/full\"",
    "\"/dev/zero\"",
    "\"/proc/self/mem\"", "[[]]", "[null]", "[1,2]", "[true,false,true]", "{\"a\":{}}", "\"running\"",
    "\"finished\"",
    "\"interrupted\"", "\"2026-11-25T03:24:37+0000\"", "\"duct-20261128t054127-00fb4cc75e\"",
  ]

  private mutating func jsonChanged(_ bytes: [UInt8]) -> [UInt8] {
    // usage.jsonl has one document per line.
    var lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map { Array($0) }
    let number = numbers.below(lines.count)
    guard !lines.isEmpty, var value = try? JSONParser.parse(lines[number]) else { return bytesChanged(bytes) }
    let mark = "@fuzz@"
    var texts: [String] = []
    for _ in 0...numbers.below(3) {
      var left = numbers.below(count(value))
      value = replacing(value, at: &left, by: .string("\(mark)\(texts.count)\(mark)"))
      texts.append(text())
    }
    var text = String(decoding: JSONWriter.bytes(of: value), as: UTF8.self)
    for (number, new) in texts.enumerated() {
      text = text.split(separator: "\"\(mark)\(number)\(mark)\"", omittingEmptySubsequences: false)
        .joined(separator: new)
    }
    lines[number] = Array(text.utf8)
    return Array(lines.joined(separator: [10]))
  }

  private mutating func text() -> String {
    switch numbers.below(40) {
    case 0: String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
    case 1: "\"" + String(repeating: "x/", count: numbers.below(100_000)) + "\""
    case 2: "[" + Array(repeating: "{}", count: numbers.below(10_000)).joined(separator: ",") + "]"
    case 3: "\(Double(bitPattern: numbers.next()))"
    case 4: "\(Int64(bitPattern: numbers.next()))"
    default: numbers.one(of: Self.values)
    }
  }

  private func count(_ value: JSONValue) -> Int {
    switch value {
    case .array(let elements): 1 + elements.map(count).reduce(0, +)
    case .object(let members): 1 + members.values.map(count).reduce(0, +)
    default: 1
    }
  }

  private func replacing(_ value: JSONValue, at left: inout Int, by new: JSONValue) -> JSONValue {
    if left == 0 {
      left = -1
      return new
    }
    left -= 1
    switch value {
    case .array(var elements):
      for index in elements.indices where left >= 0 {
        elements[index] = replacing(elements[index], at: &left, by: new)
      }
      return .array(elements)
    case .object(var members):
      for key in Array(members.keys) where left >= 0 {
        guard let member = members[key] else { continue }
        members[key] = replacing(member, at: &left, by: new)
      }
      return .object(members)
    default: return value
    }
  }
}

extension FuzzedFile {
  /// Creates the file, owned by the user.
  func write(to path: FilePath, uid: UInt32) throws {
    let name = path.string
    switch self {
    case .nothing: return
    case .fifo: mkfifo(name, 0o600)
    case .folder: mkdir(name, 0o700)
    case .link(let target): symlink(target, name)
    case .bytes, .sparse, .unreadable:
      let file = try FileDescriptor.opening(
        path, .writeOnly, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
      defer { file.closeQuietly() }
      if case .bytes(let bytes) = self { try file.writeAll(bytes) }
      if case .sparse(let size) = self { ftruncate(file.rawValue, size) }
      if case .unreadable = self { fchmod(file.rawValue, 0) }
    }
    lchown(name, uid, uid)
  }
}
