internal import DuctRecords
internal import SystemCalls
internal import SystemPackage

/// Reads many records side by side, on a thread for each processor that this process may use.
struct RecordReading: Sendable {
  typealias Outcome = Result<RecordedRun, Problem>

  /// A thread reads no fewer records than this, because starting it takes as long as reading some.
  private static let fewest = 32
  private static let mostThreads = 8

  /// In the order of the paths.
  let results: [Outcome]

  /// Returns when all records are read.
  init(_ paths: [FilePath]) {
    let count = min(allowedProcessors(), Self.mostThreads, max(paths.count / Self.fewest, 1))
    let parts = (0..<count).map { Array(paths[$0 * paths.count / count..<($0 + 1) * paths.count / count]) }
    let done = Monitor([Int: [Outcome]]())
    var left = [0]
    for part in 1..<max(count, 1) {
      do throws(Errno) {
        _ = try OwnThread("duct reader", stackSize: 8 << 20) {
          let outcomes = parts[part].map(Self.read)
          done.update { $0[part] = outcomes }
        }
      } catch {
        // No thread can be started: this one reads these records, too.
        left.append(part)
      }
    }
    for part in left {
      let outcomes = parts[part].map(Self.read)
      done.update { $0[part] = outcomes }
    }
    let all = done.wait(until: nil) { $0.count == count ? $0 : nil } ?? [:]
    results = (0..<count).flatMap { all[$0] ?? [] }
  }

  private static func read(_ path: FilePath) -> Outcome {
    Result { () throws(Problem) in try RecordedRun(reading: path) }
  }
}
