internal import CSystemCalls
import Glibc
internal import SystemPackage

/// Translates between the pids in /proc and the pids in this process's own pid namespace, which fork(2), kill(2)
/// and getpid(2) use.
///
/// /proc shows the pids of the namespace that it was mounted in. Some containers have their own pid namespace and
/// the host's /proc: there, /proc/7 is not the process that this process knows as 7. See pid_namespaces(7).
public struct ProcNumbers: Sendable {
  public enum View: Sendable, Equatable {
    /// Both use the same numbers.
    case same
    /// /proc shows an outer namespace. This process's namespace is `level` levels below it.
    case outer(level: Int)
    /// /proc is missing or does not show this process, so it has no information on this namespace.
    case foreign
  }

  public let view: View
  /// This process's number in /proc; nil if not known.
  public let own: Int32?
  /// This process's pid in its own namespace, getpid(2).
  public let pid: Int32

  /// The relation for this process, read once.
  public static let current = ProcNumbers(status: (try? readAll("/proc/self/status")) ?? [], pid: getpid())

  /// The relation for a process, by what /proc/self/status is for it.
  ///
  /// - Parameter pid: of the process in its own namespace.
  public init(status: [UInt8], pid: Int32) {
    self.pid = pid
    let numbers = status.withUnsafeBytes { Self.numbers("NSpid", $0) }
    if numbers.count > 1 {
      // The last number is the pid in the innermost namespace, which is this process's.
      (view, own) =
        numbers.last == pid ? (.outer(level: numbers.count - 1), numbers[0]) : (.foreign, nil)
    } else {
      // Linux before 4.1 has no NSpid line.
      let number = numbers.first ?? status.withUnsafeBytes { Self.numbers("Pid", $0).first }
      (view, own) = number == pid ? (.same, number) : (.foreign, nil)
    }
  }

  /// The number in /proc of a process of this namespace. Nil if the process has ended or the number is not known,
  /// as on Linux before 5.3 or where a filter blocks pidfd_open(2).
  ///
  /// Asks through a pidfd of the process, so that the cost does not grow with the number of processes on the host.
  public func inProc(_ pid: Int32) -> Int32? {
    switch view {
    case .same: return pid
    case .foreign: return nil
    case .outer:
      if pid == self.pid { return own }
      let process = duct_open_process(pid)
      guard process >= 0 else { return nil }
      defer { close(process) }
      let text = (try? readAll(FilePath("/proc/self/fdinfo/\(process)"))) ?? []
      return text.withUnsafeBytes { Self.numbers("Pid", $0).first }.flatMap { $0 > 0 ? $0 : nil }
    }
  }

  /// A number in this namespace from the text of /proc/PID/status. Nil if the process is not in this namespace.
  public func own(_ label: StaticString, status: UnsafeRawBufferPointer) -> Int32? {
    guard case .outer(let level) = view else { return nil }
    let numbers = Self.numbers(label, status)
    return level < numbers.count ? numbers[level] : nil
  }

  /// The numbers in the line that starts with `label`.
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
