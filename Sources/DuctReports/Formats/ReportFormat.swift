public import SystemCalls

/// A form of the campaign report. One file per form; each renders the same value and decides nothing else.
protocol ReportFormat: Sendable {
  /// - Parameter width: columns of the terminal that the report is for; nil: any width.
  /// - Throws: `Problem` if the report cannot be brought into this form.
  func bytes(of report: CampaignReport, width: Int?) throws(Problem) -> [UInt8]
}

/// The forms of the report, by their words on the command line.
public enum ReportForm: String, Sendable, CaseIterable {
  case text
  case markdown = "md"
  case html
  case json
  case csv
  case tsv

  private func format(_ template: PageTemplate) -> any ReportFormat {
    switch self {
    case .text: TextFormat()
    case .markdown: MarkdownFormat()
    case .html: HTMLFormat(template: template)
    case .json: JSONFormat()
    case .csv: SeparatedFormat.csv
    case .tsv: SeparatedFormat.tsv
    }
  }

  /// The ends of the names of its files.
  private var suffixes: [String] {
    switch self {
    case .text: ["txt", "text"]
    case .markdown: ["md", "markdown"]
    case .html: ["html", "htm"]
    case .json: ["json"]
    case .csv: ["csv"]
    case .tsv: ["tsv"]
    }
  }

  /// - Parameter word: the form's word or a suffix of its files.
  public init?(word: String) {
    guard let form = Self.allCases.first(where: { $0.rawValue == word || $0.suffixes.contains(word) }) else {
      return nil
    }
    self = form
  }

  /// The form that the end of a file's name tells; nil if it tells none.
  public init?(fileName: String) {
    guard let point = fileName.lastIndex(of: "."), !fileName[point...].contains("/") else { return nil }
    self.init(word: fileName[fileName.index(after: point)...].lowercased())
  }

  /// The suffixes of file names that tell a form.
  public static var knownSuffixes: [String] { allCases.flatMap(\.suffixes).map { "." + $0 } }

  /// Programs read it: it has the output of all jobs that need attention, with lines of any width.
  public var isForPrograms: Bool { self == .json }

  /// It shows lines of output files.
  public var hasOutputs: Bool { self != .csv && self != .tsv }

  /// - Parameters:
  ///   - width: columns of the terminal that the report is for; nil: any width.
  ///   - template: for HTML.
  /// - Throws: `Problem` if HTML cannot be made.
  public func bytes(
    of report: CampaignReport, width: Int? = nil, template: PageTemplate
  ) throws(Problem) -> [UInt8] {
    try format(template).bytes(of: report, width: width)
  }
}
