public import RecordText

/// A step as the srun that starts it has announced it: `step` of info.json.
public struct StepDescription: WrittenRecord, Equatable {
  /// In Slurm's notation. Nil if the environment of srun's prolog tells the nodes of the job only.
  public var nodeList: String?
  public var nodeCount: Int?
  public var taskCount: Int?

  public init(nodeList: String?, nodeCount: Int?, taskCount: Int?) {
    self.nodeList = nodeList
    self.nodeCount = nodeCount
    self.taskCount = taskCount
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("step_node_list", &nodeList)
    members("step_node_count", &nodeCount)
    members("step_task_count", &taskCount)
  }
}
