internal import RecordText
internal import SlurmJobs

/// Many jobs of less than a minute: starting one takes Slurm longer than some of them run.
struct BundleAdvice {
  let group: AdvisedGroup

  var advice: [ReportAdvice] {
    let elapsed = group.values { $0.state == .completed ? $0.elapsedSeconds.map(Double.init) : nil }
    guard let elapsed, elapsed.count >= Threshold.fewestToBundle, elapsed.median < Threshold.short else {
      return []
    }
    let size = min(
      Int(saturating: (Threshold.bundleSeconds / max(elapsed.median, 1)).rounded(.up)), elapsed.count)
    let bundles = (elapsed.count + size - 1) / size
    let wait = group.values { $0.waitSeconds.map(Double.init) }
    let waited = wait.map { ", after waiting for \(shortDuration($0.median))" } ?? ""
    return [
      group.advice(
        .bundle, figures: "ran for \(shortDuration(elapsed.median)) (median)\(waited)",
        effect:
          "\(size.grouped) of them one after another in a job: \(number(bundles, "job")) of about \(shortDuration(Double(size) * elapsed.median)) in place of \(elapsed.count.grouped)",
        line: "#SBATCH --array=0-\(elapsed.count - 1):\(size)  # task i then does i to i + \(size - 1)")
    ]
  }
}
