internal import RecordText

/// The steps for the page: a row for each, and its tasks, which can be folded out.
struct HTMLSteps {
  private static let mostSteps = 200
  /// Tasks of all steps together: each takes some 150 bytes of the page.
  private static let mostTasks = 10_000

  private let steps: [ReportStep]

  init(_ steps: [ReportStep]) { self.steps = steps }

  var values: [(String, JSONValue)] {
    var room = Self.mostTasks
    let shown = steps.prefix(Self.mostSteps).map { step -> JSONValue in
      let tasks = step.tasks.prefix(room)
      room -= tasks.count
      return row(step, tasks)
    }
    let rest = steps.count - shown.count
    return [
      ("has_steps", .bool(!shown.isEmpty)), ("steps", .array(shown)),
      (
        "steps_left_out",
        rest > 0 ? .shown("\(rest.grouped) more steps: the form json has all of them.") : .null
      ),
      (
        "idle_meaning",
        .shown(
          "A task is idle if it used less than \(percent(StepTaskRow.idleShare)) of one CPU in 10 s or more.")
      ),
    ]
  }

  private func row(_ step: ReportStep, _ tasks: ArraySlice<StepTaskRow>) -> JSONValue {
    let words = StepWords(step)
    let rest = step.tasks.count - tasks.count
    return [
      "step": .shown(step.id),
      "summary": .shown(
        "\(step.id): \(words.tasks) \(step.taskCount ?? step.tasks.count == 1 ? "task" : "tasks") on \(words.nodes), \(step.state)"
      ),
      "facts": .shown(
        "ran \(words.elapsed), slowest \(words.slowest); CPU \(words.cpu); memory \(words.memory), fattest \(words.fattest); idle \(words.idle); failed \(words.failed)"
          + (words.missing.map { "; \($0)" } ?? "")
      ),
      "tasks": .array(tasks.map(task)),
      "left_out": rest > 0 ? .shown("\(rest.grouped) more tasks: the form json has all of them.") : .null,
    ]
  }

  private func task(_ task: StepTaskRow) -> JSONValue {
    [
      "rank": .string(String(task.rank)), "node": .shown(task.node ?? "–"),
      "is_idle": .bool(task.isIdle == true),
      "cells": [
        .cell(task.elapsedSeconds.map(shortDuration), task.elapsedSeconds),
        .cell(task.cpuSeconds.map(shortDuration), task.cpuSeconds),
        .cell(task.peakRSSBytes.map { memory($0) }, task.peakRSSBytes),
        .cell(task.exitCode.map(String.init), task.exitCode.map(Double.init)),
      ],
    ]
  }
}
