internal import CSystemCalls
import Glibc
internal import SystemPackage

/// How the pids of /proc relate to those of this process's own pid namespace, which fork(2), kill(2) and getpid(2) deal
/// in.
///
/// /proc shows the numbers of the namespace that it was mounted in. Some containers have a pid namespace of their own
/// and the host's /proc: there /proc/7 is not the process that this one knows as 7. See pid_namespaces(7).
public struct ProcNumbers: Sendable {
  public enum View: Sendable, Equatable {
    /// The numbers are the same.
    case same
    /// /proc is of a namespace around this one, which is the `level`th within it.
    case outer(level: Int)
    /// /proc does not show this process, or there is none: nothing in it says anything of this namespace.
    case foreign
  }

  public let view: View
  /// This process's number in /proc; nil where that is not known.
  public let own: Int32?

  /// Those of this process.
  public static let current = ProcNumbers()

  private init() {
    let status = (try? readAll("/proc/self/status")) ?? []
    let numbers = status.withUnsafeBytes { Self.numbers("NSpid", $0) }
    if numbers.count > 1 {
      // The pid of a namespace within that of /proc stands last.
      (view, own) =
        numbers.last == getpid() ? (.outer(level: numbers.count - 1), numbers[0]) : (.foreign, nil)
    } else {
      // Before Linux 4.1 there is no such line.
      let number = numbers.first ?? status.withUnsafeBytes { Self.numbers("Pid", $0).first }
      (view, own) = number == getpid() ? (.same, number) : (.foreign, nil)
    }
  }

  /// The number in /proc of a process of this namespace. Nil if it has gone, or is not known: before Linux 5.3, or where
  /// pidfd_open(2) is not let through.
  ///
  /// By a descriptor of the process: so the cost does not grow with the processes of the host.
  public func inProc(_ pid: Int32) -> Int32? {
    switch view {
    case .same: return pid
    case .foreign: return nil
    case .outer:
      if pid == getpid() { return own }
      let process = duct_open_process(pid)
      guard process >= 0 else { return nil }
      defer { close(process) }
      let text = (try? readAll(FilePath("/proc/self/fdinfo/\(process)"))) ?? []
      return text.withUnsafeBytes { Self.numbers("Pid", $0).first }.flatMap { $0 > 0 ? $0 : nil }
    }
  }

  /// What /proc/PID/status tells of a process: its numbers in this namespace. Nil where it has none.
  public func own(_ label: StaticString, status: UnsafeRawBufferPointer) -> Int32? {
    guard case .outer(let level) = view else { return nil }
    let numbers = Self.numbers(label, status)
    return level < numbers.count ? numbers[level] : nil
  }

  /// The numbers behind a label at the start of a line.
  private static func numbers(_ label: StaticString, _ text: UnsafeRawBufferPointer) -> [Int32] {
    let name = UnsafeRawBufferPointer(start: label.utf8Start, count: label.utf8CodeUnitCount)
    var start = 0
    while start < text.count {
      let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
      let line = UnsafeRawBufferPointer(rebasing: text[start..<end])
      if line.count > name.count, line[name.count] == UInt8(ascii: ":"), line.starts(with: name) {
        return line[(name.count + 1)...].split { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
          .compactMap { Int32(String(decoding: $0, as: UTF8.self)) }
      }
      start = end + 1
    }
    return []
  }
}
