internal import RecordText

/// The timeline as block characters: a line for each run, and a line for each job, or for a band of jobs.
extension Timeline {
  /// More jobs are bands.
  private static let mostLines = 12
  private static let bandLines = 8
  private static let labelWidth = 12

  func blocks(width: Int) -> [String] {
    let columns = max(width - Self.labelWidth - 1, 10)
    var lines = runs.map { run in
      line(label: run.label, isRun: true, [Character](repeating: "═", count: columns), run.time, columns)
    }
    if jobs.count <= Self.mostLines {
      lines += jobs.map { jobLine($0, columns) }
    } else {
      let bands = TimelineBands(jobs, axis, rows: Self.bandLines, columns: columns).bands
      lines += bands.map { bandLine($0) }
    }
    return lines + PictureText.axis(axis, width: columns, margin: Self.labelWidth + 1) + [textLegend]
  }

  private var textLegend: String {
    if jobs.isEmpty { return "═ run of duct" }
    return (runs.isEmpty ? "" : "═ run of duct, ") + "· waits, "
      + (jobs.count <= Self.mostLines
        ? "█ runs, and then ✓ ended well or ✗ failed"
        : "░▒▓█ few to many run, ✗ jobs failed, ✖ most that ended failed")
  }

  private func line(
    label: String, isRun: Bool, _ marks: [Character], _ time: ClosedRange<Double>, _ columns: Int
  )
    -> String
  {
    let (from, to) = (axis.column(time.lowerBound, of: columns), axis.column(time.upperBound, of: columns))
    let body = String(repeating: " ", count: from) + String(marks[from...to])
    return Self.label(label) + " " + body
  }

  private static func label(_ text: String) -> String {
    let text = text.forDisplay.cut(toWidth: labelWidth)
    return text + String(repeating: " ", count: max(labelWidth - text.displayWidth, 0))
  }

  private func jobLine(_ job: JobSpan, _ columns: Int) -> String {
    var marks = [Character](repeating: " ", count: columns)
    func fill(_ time: ClosedRange<Double>?, _ mark: Character) {
      guard let time else { return }
      for column in axis.column(time.lowerBound, of: columns)...axis.column(time.upperBound, of: columns) {
        marks[column] = mark
      }
    }
    fill(job.waiting, "·")
    fill(job.running, "█")
    if let last = job.last, job.outcome != .waiting, job.outcome != .running {
      marks[axis.column(last, of: columns)] = job.isFailure ? "✗" : job.outcome == .succeeded ? "✓" : "-"
    }
    let end = marks.lastIndex { $0 != " " } ?? -1
    return Self.label(job.id) + " " + String(marks[...end])
  }

  private func bandLine(_ band: TimelineBands.Band) -> String {
    let shades = Array("░▒▓█")
    let most = Double(max(band.mostRunning, 1))
    let marks = band.cells.map { cell -> Character in
      if cell.failed > 0 { return cell.failedShare > 0.5 ? "✖" : "✗" }
      if cell.running > 0 {
        return shades[min(Int(saturating: Double(cell.running) / most * 4), 3)]
      }
      return cell.waiting > 0 ? "·" : " "
    }
    let end = marks.lastIndex { $0 != " " } ?? -1
    return Self.label(number(band.count, "job")) + " " + String(marks[...end])
  }
}
