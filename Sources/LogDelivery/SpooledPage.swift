internal import DuctRecords
import Glibc
internal import OutputRelay
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// The copy of the page that a run has left in its run folder. It may be damaged, or from another release, so
/// each number is checked before it is used.
struct SpooledPage {
  /// More bytes than any run prints. With this limit, sums of such numbers do not overflow.
  private static let most = 1 << 60

  let status: RelayStatus
  let folder: PrivateFolder

  init(_ status: RelayStatus, _ folder: PrivateFolder) {
    self.status = status
    self.folder = folder
  }

  init(
    _ folder: PrivateFolder, _ name: String = RunSpool.FileName.status
  ) throws(PrivateFolder.Refusal) {
    let file = try folder.open(name, .readWrite)
    do throws(Errno) {
      status = try RelayStatus(left: file)
    } catch {
      file.closeQuietly()
      throw .init("it is no page of this release of duct")
    }
    self.folder = folder
  }

  /// Why the numbers of a stream cannot be true; nil if they can.
  func problem(stream index: Int) -> String? {
    status.isPlausible(stream: index) ? nil : "its numbers make no sense"
  }

  /// Whether the relay has written the whole stream into its log file, and nothing of it into the spool.
  func isInLog(_ index: Int, _ manifest: RunManifest) -> Bool {
    manifest.isDirect && !status.hasLeftLog(stream: index)
  }

  /// Bytes of a stream that are not proven to be in the log directory.
  func bytesWaiting(stream index: Int, _ manifest: RunManifest) -> Int {
    guard manifest.captured[index], problem(stream: index) == nil,
      let first = status.deliveryStart(stream: index)
    else { return 0 }
    var end = status[index].written
    // A relay that was killed may not have recorded its last write.
    if status.currentStore(stream: index) == OutputStores.Kind.spool.rawValue,
      let size = folder.size(of: RunSpool.FileName.stream(index)), size < Self.most
    {
      end = max(end, first + size)
    }
    return max(end - max(status.proven(stream: index), first), 0)
  }

  /// duct has removed the records of this run, so `recover` must not create them again. See
  /// `RelayStatus.Ending`.
  var recordsWereRemoved: Bool { status.ending == .removed }

  /// Whether everything that the run has left is in its log directory. Valid only for a run that is over.
  func hasNothing(_ manifest: RunManifest) -> Bool {
    switch status.ending {
    case .done: return true
    // duct deletes the note of each file that it has removed.
    case .removed: return RelayStatus.Target.allCases.allSatisfy { status.notes(of: $0).isEmpty }
    case .none, .told: return false
    case .leftToRelay:
      // duct has delivered its records and removed them from the folder, but the relay may have had more
      // output. A log file may also still have its second name, which the last delivery removes.
      let hasSecondName = (0..<2).contains { status.notes(of: .stream($0)).contains { $0.link != nil } }
      return !hasSecondName && !folder.has(RunSpool.FileName.info) && !folder.has(RunSpool.FileName.usage)
        && (0..<2).allSatisfy { problem(stream: $0) == nil && bytesWaiting(stream: $0, manifest) == 0 }
    }
  }
}
