import DuctRecords
import Testing

@testable import DuctRun

/// What the environment of srun's prolog tells of a step.
@Suite struct SrunStepTests {
  private func step(_ more: [String: String]) -> SrunStep? {
    SrunStep(["SLURM_JOB_ID": "118", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "3"].merging(more) { $1 })
  }

  @Test(
    arguments: [
      ("2,1", 2), ("1(x3)", 3), ("2,1(x2),4", 4), ("2", 1), ("", nil), ("x", nil), ("1(y2)", nil),
      ("1(x0)", nil),
      ("1(x", nil), ("1(x9999999999)", nil),
    ] as [(String, Int?)])
  func nodesOfTasksPerNode(_ text: String, _ count: Int?) { #expect(SrunStep.nodeCount(text) == count) }

  @Test func theNodesOfTheJobAreNotTakenForThoseOfTheStep() {
    let whole = step(["SLURM_NNODES": "2", "SLURM_NODELIST": "n[1-2]", "SLURM_TASKS_PER_NODE": "2,1"])
    #expect(whole?.description == StepDescription(nodeList: "n[1-2]", nodeCount: 2, taskCount: 3))
    let part = step(["SLURM_NNODES": "3", "SLURM_NODELIST": "n[1-3]", "SLURM_TASKS_PER_NODE": "3"])
    #expect(part?.description == StepDescription(nodeList: nil, nodeCount: 1, taskCount: 3))
    let component = step(["SLURM_HET_SIZE": "2", "SLURM_NNODES": "1", "SLURM_TASKS_PER_NODE": "1"])
    #expect(component?.description == StepDescription(nodeList: nil, nodeCount: nil, taskCount: nil))
    #expect(step([:])?.description == StepDescription(nodeList: nil, nodeCount: nil, taskCount: 3))
  }

  @Test func theFolderIsOfOneStepOfOneRun() {
    #expect(step([:])?.folderName.hasSuffix("118.0+srun") == true)
    #expect(step(["SLURM_RESTART_COUNT": "2"])?.folderName.hasSuffix("118.0+srun-restart2") == true)
    #expect(SrunStep(["SLURM_JOB_ID": "118"]) == nil && SrunStep(["SLURM_STEP_ID": "0"]) == nil)
  }
}
