internal import DuctRecords
internal import OutputRelay
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// What can be read of a run's folder.
struct SpooledRun {
  let folder: PrivateFolder
  private(set) var manifest: RunManifest?
  private(set) var page: SpooledPage?
  /// Why one of them cannot be read.
  private(set) var manifestProblem: String?
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

  /// Where nothing else says so, it is told by its name that a run has made the folder.
  private var hasNameOfRun: Bool { RunID.isRunID(String(escaping: folder.path.nameBytes)) }

  /// Whether a run has made the folder, as far as that can be told without a manifest that can be read.
  private var isOfRun: Bool { hasNameOfRun || page != nil || folder.has(RunManifest.fileName) }

  /// Nothing is left to be delivered. To be asked only of a run that is over.
  var hasNothing: Bool {
    typealias Name = RunSpool.FileName
    guard let manifest else {
      // One that never came so far as to say where its files belong, and has no files either.
      return hasNameOfRun && !folder.has(RunManifest.fileName)
        && folder.names().allSatisfy(RunSpool.FileName.isOurs)
        && [Name.stdout, Name.stderr, Name.usage, Name.info].allSatisfy { (folder.size(of: $0) ?? 0) == 0 }
    }
    guard let page else { return false }
    return page.hasNothing(manifest)
  }

  /// - Parameter state: nil to tell it from what is there.
  func described(as state: WaitingRun.State?) -> WaitingRun? {
    guard let manifest else {
      // One that is being made has no manifest yet, and what is of no run never has one.
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
