public import DuctRecords
public import DuctSettings
import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Finds the records that a command line names.
public struct RunFinder: Sendable {
  /// The runs found, in the order of their prefixes.
  public private(set) var runs: [RecordedRun] = []
  /// What was named and is no record, and what of a record cannot be read.
  public private(set) var problems: [RecordError] = []

  /// - Parameters:
  ///   - arguments: info.json files, other records of a run, prefixes, or directories; none means
  ///     what the output prefix of the settings leads to.
  public init(_ arguments: [String], _ surroundings: Surroundings) {
    let paths: [FilePath]
    if arguments.isEmpty {
      let template = surroundings["DUCT_OUTPUT_PREFIX"] ?? RunSettings.Defaults.outputPrefix
      let start = surroundings.expandHome(String(template.prefix { $0 != "{" }))
      do throws(RecordError) {
        paths = try Self.matching(start: start)
      } catch {
        // Nobody has named it: where it is not there, there are no records.
        paths = []
        if error.errno != .noSuchFileOrDirectory { problems.append(error) }
      }
    } else {
      paths = arguments.flatMap { argument -> [FilePath] in
        do throws(RecordError) { return try Self.infoFiles(argument) } catch {
          problems.append(error)
          return []
        }
      }
    }
    var seen: Set<Place> = []
    for path in paths where seen.insert(Place(path)).inserted {
      do throws(RecordError) {
        let run = try RecordedRun(reading: path)
        runs.append(run)
        if let problem = run.problem { problems.append(problem) }
      } catch {
        problems.append(error)
      }
    }
    runs.sort { $0.prefix < $1.prefix }
  }

  /// Where a record is, however its path is spelled.
  private enum Place: Hashable {
    case file(device: UInt64, inode: UInt64)
    case path(FilePath)

    init(_ path: FilePath) {
      self = FileIdentity(at: path).map { .file(device: $0.device, inode: $0.inode) } ?? .path(path)
    }
  }

  private static func infoFiles(_ argument: String) throws(RecordError) -> [FilePath] {
    if LogPaths.isInfo(argument) { return [FilePath(escaped: argument)] }
    for suffix in [LogPaths.Suffix.usage, LogPaths.Suffix.stdout, LogPaths.Suffix.stderr]
    where argument.hasSuffix(suffix) {
      let info = FilePath(escaped: argument.dropLast(suffix.count) + LogPaths.Suffix.info)
      if exists(info) { return [info] + beside(info) }
    }
    let info = FilePath(escaped: argument + LogPaths.Suffix.info)
    let ofPrefix = (exists(info) ? [info] : []) + beside(info)
    if !ofPrefix.isEmpty { return ofPrefix }
    let path = FilePath(escaped: argument)
    let names: [String]
    do throws(RecordError) { names = try self.names(in: path) } catch {
      // It is a file, or nothing: what is missing is a record.
      guard [.notDirectory, .noSuchFileOrDirectory].contains(error.errno) else { throw error }
      throw RecordError("\(argument): no record of a run is there")
    }
    let found = names.filter(LogPaths.isInfo)
    if found.isEmpty { throw RecordError("\(argument): no record of a run is there") }
    return found.sorted().map { FilePath(escaped: argument + "/" + $0) }
  }

  /// The records of other runs beside one. None where the directory cannot be listed: they were not named.
  private static func beside(_ info: FilePath) -> [FilePath] {
    let name = info.nameBytes
    let names = (try? names(in: info.parent)) ?? []
    return names.filter { LogPaths.isInfoBeside($0) && $0.originalBytes == beside(name, $0) }.sorted()
      .map { name in
        FilePath(bytes: info.bytes.dropLast(info.nameBytes.count) + name.originalBytes)
      }
  }

  /// What the file of that name is called beside it by the run whose id another name ends with.
  private static func beside(_ name: [UInt8], _ other: String) -> [UInt8] {
    LogPaths.nameBeside(name, runID: String(other.split(separator: ".").last ?? ""))
  }

  /// As a shell expands `START*`, with only the info.json files of it.
  private static func matching(start: String) throws(RecordError) -> [FilePath] {
    let directory = String(
      start[..<(start.lastIndex(of: "/").map { start.index(after: $0) } ?? start.startIndex)])
    let name = start.dropFirst(directory.count)
    return try names(in: directory.isEmpty ? "." : FilePath(escaped: directory))
      .filter { $0.hasPrefix(name) && LogPaths.isInfo($0) && !$0.hasPrefix(".") }
      .sorted().map { FilePath(escaped: directory + $0) }
  }

  private static func exists(_ path: FilePath) -> Bool {
    path.withPlatformString { access($0, F_OK) } == 0
  }

  private static func names(in directory: FilePath) throws(RecordError) -> [String] {
    let folder: FileDescriptor
    do throws(Errno) { folder = try FileDescriptor.opening(directory, .readOnly, options: .directory) } catch
    {
      throw RecordError("cannot list \(directory): \(error.description) (\(error.name))", error)
    }
    defer { folder.closeQuietly() }
    return entryNames(of: folder).map { String(escaping: $0) }
  }
}
