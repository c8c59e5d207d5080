internal import DuctRecords
import Glibc
internal import OutputRelay
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// The page that duct and its relay have shared, as a run has left it in its folder. It may be damaged, or
/// of another release: no number in it is used before it was looked at.
struct SpooledPage {
  /// More bytes than any run prints: sums of such numbers are numbers.
  private static let most = 1 << 60

  let status: RelayStatus
  private let folder: PrivateFolder

  init(_ folder: PrivateFolder) throws(PrivateFolder.Refusal) {
    let file = try folder.open(RunSpool.FileName.status, .readWrite)
    do throws(Errno) {
      status = try RelayStatus(left: file)
    } catch {
      file.closeQuietly()
      throw .init("it is no page of this release of duct")
    }
    self.folder = folder
  }

  /// Why what is said of a stream cannot be true; nil if it can.
  func problem(stream index: Int) -> String? {
    status.isPlausible(stream: index) ? nil : "its numbers make no sense"
  }

  /// Whether a stream went to its log file alone, where it is.
  func isInLog(_ index: Int, _ manifest: RunManifest) -> Bool {
    manifest.isDirect && !status.hasLeftLog(stream: index)
  }

  /// Bytes of a stream that are not known to be in the log directory.
  func bytesWaiting(stream index: Int, _ manifest: RunManifest) -> Int {
    guard manifest.captured[index], problem(stream: index) == nil,
      let first = status.deliveryStart(stream: index)
    else { return 0 }
    var end = status[index].written
    // A relay that was killed has not told of its last write.
    if status.currentStore(stream: index) == OutputStores.Kind.spool.rawValue,
      let size = folder.size(of: RunSpool.FileName.stream(index)), size < Self.most
    {
      end = max(end, first + size)
    }
    return max(end - max(status.proven(stream: index), first), 0)
  }

  /// The run removed its own records: they are not to be made again. See `RelayStatus.Ending`.
  var recordsWereRemoved: Bool { status.ending == .removed }

  /// Whether all that a run has left is in its log directory. To be asked only of a run that is over.
  func hasNothing(_ manifest: RunManifest) -> Bool {
    switch status.ending {
    case .done: return true
    // Those that are removed are not noted any more.
    case .removed: return RelayStatus.Target.allCases.allSatisfy { status.notes(of: $0).isEmpty }
    case .none, .told: return false
    case .leftToRelay:
      // duct had delivered its records, and taken them out of the folder; the relay may have had more output.
      // A log file may still have its second name, which goes when nothing comes any more.
      let hasSecondName = (0..<2).contains { status.notes(of: .stream($0)).contains { $0.link != nil } }
      return !hasSecondName && !folder.has(RunSpool.FileName.info) && !folder.has(RunSpool.FileName.usage)
        && (0..<2).allSatisfy { problem(stream: $0) == nil && bytesWaiting(stream: $0, manifest) == 0 }
    }
  }
}
