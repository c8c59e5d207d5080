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
    let count = elapsed.count
    let wanted = min(Int(saturating: (Threshold.bundleSeconds / max(elapsed.median, 1)).rounded(.up)), count)
    // A site that sets no MaxArraySize takes the task ids from 0 to 1000.
    let fewest = (count + Threshold.mostBundles - 1) / Threshold.mostBundles
    let size = max(wanted, fewest)
    let bundles = (count + size - 1) / size
    let limit =
      fewest > wanted
      ? "; shorter ones would be more than \(number(Threshold.mostBundles, "task")), which a site with Slurm's default for MaxArraySize refuses"
      : ""
    let wait = group.values { $0.waitSeconds.map(Double.init) }
    let waited = wait.map { ", after waiting for \(shortDuration($0.median))" } ?? ""
    return [
      group.advice(
        .bundle, figures: "ran for \(shortDuration(elapsed.median)) (median)\(waited)",
        effect:
          "\(size.grouped) of them one after another in a job: \(number(bundles, "job")) of about \(shortDuration(Double(size) * elapsed.median)) in place of \(count.grouped)\(limit)",
        line:
          "#SBATCH --array=0-\(bundles - 1)  # task i then does i*\(size) to i*\(size) + \(size - 1) of 0 to \(count - 1)"
      )
    ]
  }
}
