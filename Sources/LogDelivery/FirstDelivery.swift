/// When the carrier of a task begins to deliver.
///
/// Thousands of tasks of a step, or of an array, start at once, and all write into one directory of a file server. Each
/// keeps its records on the local disk for a time that grows with its number, so they reach the server one after another.
struct FirstDelivery: Equatable {
  /// Seconds: the longest such time.
  private static let longest = 5.0
  /// First deliveries a second.
  private static let rate = 100.0
  /// So few tasks are no burden.
  private static let fewTasks = 16

  /// Seconds from the start of the carrier.
  let delay: Double

  /// - Parameter variable: Slurm's variables of the task.
  init(_ variable: (String) -> String?) {
    func number(_ name: String) -> Int? { variable(name).flatMap { Int($0) } }
    let step = (number("SLURM_PROCID"), number("SLURM_STEP_NUM_TASKS"))
    let array = (number("SLURM_ARRAY_TASK_ID"), number("SLURM_ARRAY_TASK_COUNT"))
    delay = max(Self.delay(step), Self.delay(array, isModular: true))
  }

  /// - Parameter isModular: the numbers of array tasks begin anywhere, and can have gaps.
  private static func delay(_ task: (number: Int?, count: Int?), isModular: Bool = false) -> Double {
    guard let number = task.number, let count = task.count, number >= 0, count > fewTasks else { return 0 }
    let place = isModular ? number % count : min(number, count - 1)
    return min(Double(count) / rate, longest) * Double(place) / Double(count)
  }
}
