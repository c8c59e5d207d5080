public import DuctRecords
public import DuctSettings
import Glibc
internal import RecordText
public import SystemCalls
internal import SystemPackage

/// Finds the records that a command line selects.
public struct RunFinder: Sendable {
  /// The runs found, sorted by prefix.
  public private(set) var runs: [RecordedRun] = []
  /// Arguments that lead to no record, records that cannot be read, and parts of records that cannot be read.
  public private(set) var problems: [Problem] = []
  /// Those of the problems for which a whole record is missing: nobody knows which jobs it has.
  public private(set) var unreadRecords: [Problem] = []

  /// - Parameters:
  ///   - arguments: info.json files, other files of a run, prefixes, or directories. Without arguments: the
  ///     records that the output prefix of the settings leads to.
  ///   - fields: the fields that will be asked for: see `RecordedRun.field`. Nil: everything, and the jobs.
  public init(_ arguments: [String], _ surroundings: Surroundings, fields: Set<String>? = nil) {
    let paths: [FilePath]
    if arguments.isEmpty {
      let template = surroundings["DUCT_OUTPUT_PREFIX"] ?? RunSettings.Defaults.outputPrefix
      let start = surroundings.expandHome(String(template.prefix { $0 != "{" }))
      do throws(Problem) {
        paths = try Self.matching(start: start)
      } catch {
        // The user has not named this directory. If it does not exist, there are no records.
        paths = []
        if error.errno != .noSuchFileOrDirectory { problems.append(error) }
      }
    } else {
      paths = arguments.flatMap { argument -> [FilePath] in
        do throws(Problem) { return try Self.infoFiles(argument) } catch {
          problems.append(error)
          return []
        }
      }
    }
    read(paths, only: fields.flatMap(RecordedRun.selection))
    runs.sort { $0.prefix < $1.prefix }
  }

  /// Reads each file once, also if several paths lead to it.
  private mutating func read(_ paths: [FilePath], only selection: JSONSelection?) {
    var seenPaths: Set<FilePath> = []
    let paths = paths.filter { seenPaths.insert($0).inserted }
    var seen: Set<RegularFile.Place> = []
    let results = SideBySide.map(paths) { path in
      Result { () throws(Problem) in try RecordedRun(reading: path, only: selection) }
    }
    for result in results {
      switch result {
      case .success(let run):
        if let place = run.place, !seen.insert(place).inserted { continue }
        runs.append(run)
        if let problem = run.problem { problems.append(problem) }
      case .failure(let problem):
        problems.append(problem)
        unreadRecords.append(problem)
      }
    }
  }

  private static func infoFiles(_ argument: String) throws(Problem) -> [FilePath] {
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
    do throws(Problem) { names = try self.names(in: path) } catch {
      // The argument is a file or does not exist. Report that there is no record, and not that it is no
      // directory.
      guard [.notDirectory, .noSuchFileOrDirectory].contains(error.errno) else { throw error }
      throw Problem("\(argument): no record of a run is there")
    }
    let found = names.filter(LogPaths.isInfo)
    if found.isEmpty { throw Problem("\(argument): no record of a run is there") }
    return found.sorted().map { FilePath(escaped: argument + "/" + $0) }
  }

  /// The records of other runs that have the name of `info` with a run id behind it. None if the directory
  /// cannot be listed, because the user has not named them.
  private static func beside(_ info: FilePath) -> [FilePath] {
    let name = info.nameBytes
    let names = (try? names(in: info.parent)) ?? []
    return names.filter { LogPaths.isInfoBeside($0) && $0.originalBytes == beside(name, $0) }.sorted()
      .map { name in
        FilePath(bytes: info.bytes.dropLast(info.nameBytes.count) + name.originalBytes)
      }
  }

  /// The name beside `name` for the run whose id is at the end of `other`.
  private static func beside(_ name: [UInt8], _ other: String) -> [UInt8] {
    LogPaths.nameBeside(name, runID: String(other.split(separator: ".").last ?? ""))
  }

  /// The info.json files among the names that a shell's `START*` would match.
  private static func matching(start: String) throws(Problem) -> [FilePath] {
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

  private static func names(in directory: FilePath) throws(Problem) -> [String] {
    let folder: FileDescriptor
    do throws(Errno) { folder = try FileDescriptor.opening(directory, .readOnly, options: .directory) } catch
    {
      throw Problem("cannot list \(directory): \(error.description) (\(error.name))", error)
    }
    defer { folder.closeQuietly() }
    do throws(Errno) { return try entryNames(of: folder).map { String(escaping: $0) } } catch {
      throw Problem("cannot list \(directory): \(error.description) (\(error.name))", error)
    }
  }
}
