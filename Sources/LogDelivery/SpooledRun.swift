internal import DuctRecords
internal import OutputRelay
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// What can be read from a run folder.
struct SpooledRun {
  let folder: PrivateFolder
  private(set) var manifest: RunManifest?
  private(set) var page: SpooledPage?
  /// Why the manifest cannot be read; nil if it can.
  private(set) var manifestProblem: String?
  /// Why the page cannot be read; nil if it can.
  private(set) var pageProblem: String?

  var problem: String? { manifestProblem ?? pageProblem }

  init(_ folder: PrivateFolder) {
    self.folder = folder
    do throws(PrivateFolder.Refusal) { manifest = try RunManifest.read(folder) } catch {
      manifestProblem = "\(RunManifest.fileName): \(error)"
    }
    do throws(PrivateFolder.Refusal) { page = try SpooledPage(folder) } catch {
      pageProblem = "\(RunSpool.FileName.status): \(error)"
    }
  }

  /// Whether the name of the folder is a run id. If nothing else shows that a run has created the folder, this
  /// does.
  private var hasNameOfRun: Bool { RunID.isRunID(String(escaping: folder.path.nameBytes)) }

  /// Whether a run has created the folder, as far as this can be known without a readable manifest.
  private var isOfRun: Bool { hasNameOfRun || page != nil || folder.has(RunManifest.fileName) }

  /// Nothing is left to deliver. Valid only for a run that is over.
  var hasNothing: Bool {
    typealias Name = RunSpool.FileName
    guard let manifest else {
      // The run ended before it wrote its manifest, and its files are empty.
      return hasNameOfRun && !folder.has(RunManifest.fileName)
        && (try? folder.names())?.allSatisfy(RunSpool.FileName.isOurs) ?? false
        && [Name.stdout, Name.stderr, Name.usage, Name.info].allSatisfy { (folder.size(of: $0) ?? 0) == 0 }
    }
    guard let page else { return false }
    return page.hasNothing(manifest)
  }

  /// The run as `recover --list` shows it. Nil if the folder does not belong to a run.
  ///
  /// - Parameter state: nil: determined from the contents of the folder.
  func described(as state: WaitingRun.State?) -> WaitingRun? {
    guard let manifest else {
      // A run that is being set up has no manifest yet, and a folder that belongs to no run never gets one.
      return state == .running || !isOfRun
        ? nil : WaitingRun(damaged: folder.path, problem ?? "", since: folder.modification)
    }
    let bytes = (0..<2).map { page?.bytesWaiting(stream: $0, manifest) ?? 0 }
    let found: WaitingRun.State =
      page.map { $0.status.ending == .none ? .interrupted : .waiting } ?? .damaged
    return WaitingRun(
      folder.path, state ?? found, manifest, bytes: bytes[0] + bytes[1],
      problem: state == .running ? nil : problem)
  }
}
