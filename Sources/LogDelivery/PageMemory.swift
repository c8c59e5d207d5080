internal import DuctRecords
public import OutputRelay
internal import ResilientIO
internal import SystemCalls

/// Records on the page which file in the log directory is ours. The page outlives every process of the run, and
/// the spool has a copy of it.
struct PageMemory: TargetMemory {
  let status: RelayStatus
  let target: RelayStatus.Target

  var notes: [TargetNote] { status.notes(of: target) }
  func remember(_ note: TargetNote) { status.remember(note, as: target) }
  func rememberBoth(_ note: TargetNote) { status.rememberBoth(note, as: target) }
}

extension RelayStatus.Target {
  public static func stream(_ index: Int) -> RelayStatus.Target { index == 0 ? .stdout : .stderr }
}

extension LogPaths {
  func path(of target: RelayStatus.Target) -> String {
    switch target {
    case .stdout: stdout
    case .stderr: stderr
    case .usage: usage
    case .info: info
    }
  }
}
