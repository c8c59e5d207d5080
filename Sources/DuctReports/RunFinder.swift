public import DuctCore
import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Finds the records that a command line names.
public struct RunFinder: Sendable {
  public static let infoSuffix = LogPaths.Suffix.info

  /// The runs found, in the order of their prefixes.
  public private(set) var runs: [RecordedRun] = []
  /// What was named and is no record.
  public private(set) var problems: [RecordError] = []

  /// - Parameters:
  ///   - arguments: info.json files, other records of a run, prefixes, or directories; none means
  ///     what the output prefix of the settings leads to.
  public init(_ arguments: [String], _ surroundings: Surroundings) {
    let paths: [FilePath]
    if arguments.isEmpty {
      let template = surroundings["DUCT_OUTPUT_PREFIX"] ?? RunSettings.Defaults.outputPrefix
      paths = Self.matching(start: surroundings.expandHome(String(template.prefix { $0 != "{" })))
    } else {
      paths = arguments.flatMap { argument -> [FilePath] in
        let found = Self.infoFiles(argument)
        if found.isEmpty { problems.append(RecordError("\(argument): no record of a run is there")) }
        return found
      }
    }
    var seen: Set<FilePath> = []
    for path in paths where seen.insert(path).inserted {
      do throws(RecordError) { runs.append(try RecordedRun(reading: path)) } catch { problems.append(error) }
    }
    runs.sort { $0.prefix < $1.prefix }
  }

  private static func infoFiles(_ argument: String) -> [FilePath] {
    if argument.hasSuffix(infoSuffix) { return [FilePath(escaped: argument)] }
    for suffix in [LogPaths.Suffix.usage, LogPaths.Suffix.stdout, LogPaths.Suffix.stderr]
    where argument.hasSuffix(suffix) {
      let info = FilePath(escaped: argument.dropLast(suffix.count) + infoSuffix)
      if exists(info) { return [info] }
    }
    let info = FilePath(escaped: argument + infoSuffix)
    if exists(info) { return [info] }
    let path = FilePath(escaped: argument)
    return names(in: path).filter { $0.hasSuffix(infoSuffix) }.sorted().map {
      path.appending(FilePath(escaped: $0).components)
    }
  }

  /// As a shell expands `START*`, with only the info.json files of it.
  private static func matching(start: String) -> [FilePath] {
    let directory = String(
      start[..<(start.lastIndex(of: "/").map { start.index(after: $0) } ?? start.startIndex)])
    let name = start.dropFirst(directory.count)
    return names(in: directory.isEmpty ? "." : FilePath(escaped: directory))
      .filter { $0.hasPrefix(name) && $0.hasSuffix(infoSuffix) && !$0.hasPrefix(".") }
      .sorted().map { FilePath(escaped: directory + $0) }
  }

  private static func exists(_ path: FilePath) -> Bool {
    path.withPlatformString { access($0, F_OK) } == 0
  }

  private static func names(in directory: FilePath) -> [String] {
    guard let stream = directory.withPlatformString({ opendir($0) }) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(escapingUpToNUL: $0) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}
