import Mustache
import RecordText
import SystemCalls

/// A template, and the values for it.
struct PageRequest {
  /// The text of the template; nil: duct's own.
  private let template: String?
  private let values: JSONValue

  /// - Throws: `Problem` if it is no request.
  init(json: [UInt8]) throws(Problem) {
    let request: JSONValue
    do { request = try JSONParser.parse(json) } catch {
      throw Problem("duct-template: no request on standard input; duct starts this program itself")
    }
    template = request["template"]?.string
    values = request["values"] ?? .null
  }

  /// - Throws: `Problem` if it is no template, with the line of the fault.
  func page() throws(Problem) -> String {
    MustacheContentTypes.register(HTMLReferences(), named: "HTML")
    let text = template ?? String(decoding: PackageResources.report_mustache, as: UTF8.self)
    let parsed: MustacheTemplate
    do {
      // Chooses the registered way to escape.
      parsed = try MustacheTemplate(string: "{{% CONTENT_TYPE:HTML}}" + text)
    } catch let error as MustacheTemplate.ParserError {
      throw Problem("line \(error.context.lineNumber): \(Self.words(error.error))")
    } catch {
      throw Problem("\(error)")
    }
    return parsed.render(Self.any(values))
  }

  /// What is wrong with a template.
  private static func words(_ error: any Error) -> String {
    switch error as? MustacheTemplate.Error {
    case .sectionCloseNameIncorrect: "a section is closed by another name than it was opened"
    case .unfinishedName: "a tag has no end"
    case .expectedSectionEnd: "a section has no end"
    case .invalidSetDelimiter: "a tag that sets delimiters is wrong"
    case .invalidConfigVariableSyntax, .unrecognisedConfigVariable: "a tag with a setting is wrong"
    default: "it is no template: \(error)"
    }
  }

  /// The value as swift-mustache looks into it. What is null counts as false, so that a section for it is left out.
  private static func any(_ value: JSONValue) -> Any {
    switch value {
    case .null: false
    case .bool(let value): value
    case .integer(let value): value
    case .number(let value): value
    case .string(let text): text
    case .array(let elements): elements.map(any)
    case .object(let members):
      Dictionary(members.map { ($0.key, any($0.value)) }, uniquingKeysWith: { first, _ in first })
    }
  }
}

/// Escapes text for HTML by bytes. swift-mustache's own way goes by characters, and to it a quotation mark with an accent
/// behind it is another character.
struct HTMLReferences: MustacheContentType {
  func escapeText(_ text: String) -> String { text.withHTMLReferences }
}
