internal import DuctRecords
public import DuctSettings
internal import RecordText
public import SystemCalls
internal import SystemPackage

/// A template of a page, and the program that fills it in: `duct-template`.
public struct PageTemplate: Sendable {
  /// nil: duct's own template.
  private let text: String?
  private let name: String
  private let program: FilePath

  private static let largest = 4 << 20
  /// Seconds for filling in.
  private static let limit = 60.0

  /// - Parameter file: the path of the template; nil for duct's own.
  /// - Throws: `Problem` if the file cannot be read, or is no template.
  public init(file: String?, _ surroundings: Surroundings) throws(Problem) {
    program = HelperPrograms.template(environment: surroundings.environment)
    name = file ?? "duct's own template"
    guard let file else {
      text = nil
      return
    }
    let bytes: [UInt8]
    do throws(Problem) {
      let opened = try RegularFile.open(FilePath(escaped: file))
      if opened.size > Self.largest { throw Problem("it has more than \(Self.largest >> 20) MiB") }
      bytes = try opened.bytes(from: 0, count: opened.size)
    } catch {
      throw Problem("cannot read the template \(file): \(error.description)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Problem("the template \(file) is not UTF-8")
    }
    self.text = text
    // A fault in it is told before Slurm is asked.
    _ = try page(.object([:]))
  }

  /// Fills in the template.
  ///
  /// - Throws: `Problem` if the program cannot be started, or if the template is none.
  func page(_ values: JSONValue) throws(Problem) -> [UInt8] {
    let request: JSONValue = [
      "template": text.map { .string($0) } ?? .null,
      "values": values,
    ]
    let result: ProgramRunner.Result
    do throws(Errno) {
      result = try ProgramRunner(children: ChildProcesses(reaping: .byWaiters)).run(
        Program(path: program.bytes, arguments: [Array("duct-template".utf8)]),
        input: JSONWriter.bytes(of: request) + [UInt8(ascii: "\n")], outputLimit: 1 << 30,
        until: .now + Self.limit)
    } catch {
      throw Problem("cannot start \(program), which makes HTML: \(error.description) (\(error.name))")
    }
    if result.exit == .exited(0) { return result.output }
    let diagnostics = String(escaping: result.diagnostics).split(whereSeparator: \.isNewline).last.map(
      String.init)
    if result.exit == .exited(2), let diagnostics { throw Problem("the template \(name): \(diagnostics)") }
    let end = result.exit.map { "it ended with \($0.words)" } ?? "it took more than \(Int(Self.limit)) s"
    throw Problem("the template \(name) cannot be filled in: \(end)" + (diagnostics.map { ": \($0)" } ?? ""))
  }
}
