import Glibc
internal import RecordText
internal import ResilientIO
public import SystemCalls
public import SystemPackage

/// A place that a report goes to, and its form there.
public struct ReportTarget: Sendable, Equatable {
  public enum Place: Sendable, Equatable {
    case standardOutput
    case file(FilePath)
  }

  public let place: Place
  public let form: ReportForm

  /// The targets that a command line names. Without any: text on standard output.
  ///
  /// - Parameters:
  ///   - names: of files; `-` is standard output.
  ///   - form: for all of them. Nil: of each file that which its name tells, and text on standard output.
  /// - Throws: what is wrong with a name. Nothing has been written then.
  public static func targets(_ names: [String], form: ReportForm?) throws(Problem) -> [ReportTarget] {
    var targets: [ReportTarget] = []
    for name in names.isEmpty ? ["-"] : names {
      let target = try ReportTarget(name, form: form)
      if targets.contains(where: { $0.place == target.place }) {
        throw Problem("-o \(name): two reports cannot go to one place")
      }
      targets.append(target)
    }
    return targets
  }

  private init(_ name: String, form: ReportForm?) throws(Problem) {
    if name == "-" {
      (place, self.form) = (.standardOutput, form ?? .text)
      return
    }
    if name.isEmpty { throw Problem("-o needs the name of a file, or - for standard output") }
    guard let form = form ?? ReportForm(fileName: name) else {
      throw Problem(
        "-o \(name): the end of its name tells no form; give --format, or one of \(ReportForm.knownSuffixes.joined(separator: ", "))"
      )
    }
    let path = FilePath(escaped: name)
    do throws(Errno) { try Self.check(path) } catch {
      throw Problem("-o \(name): cannot be written: \(error.description) (\(error.name))", error)
    }
    (place, self.form) = (.file(path), form)
  }

  /// Finds before any work what would fail after it: a new file needs a directory that can be written to.
  private static func check(_ path: FilePath) throws(Errno) {
    var status = stat()
    let exists = path.withPlatformString { stat($0, &status) } == 0
    if exists, status.st_mode & S_IFMT == S_IFDIR { throw .isDirectory }
    let isReplaced = !exists || status.st_mode & S_IFMT == S_IFREG
    try valueOrErrno {
      (isReplaced ? path.parent.appending(".") : path).withPlatformString {
        access($0, isReplaced ? W_OK | X_OK : W_OK)
      }
    }
  }

  /// Writes the report to a file, as a whole or not at all.
  public static func write(_ bytes: [UInt8], to path: FilePath) throws(Problem) {
    do throws(IOFailure) { try WholeFile.write(bytes, to: path) } catch {
      throw Problem(error.description, error.errno)
    }
  }
}
