// generate-documents PROJECT [--check]: writes the man pages and docs/options.md of the project.
//
// Reads the output of `con-duct --experimental-dump-help` on standard input, and the hand-written parts from
// docs/man/*.md. With --check, it writes nothing, names the files that are not up to date, and ends with 1 if
// there are any. `make generate` runs it.

import Glibc
import RecordText
import SystemCalls
import SystemPackage

func fail(_ message: String) -> Never {
  complain("generate-documents: \(message)")
  exit(2)
}

let words = CommandLine.arguments.dropFirst()
guard let project = words.first, words.dropFirst().allSatisfy({ $0 == "--check" }), words.count <= 2 else {
  fail("usage: con-duct --experimental-dump-help | generate-documents PROJECT [--check]")
}
let folder = FilePath(project).appending("docs")
let program = try ProgramDescription(readAll("/dev/stdin", limit: 1 << 24))
var documents = [(folder.appending("options.md"), OptionsPage(program: program).text)]
for name in ["duct", "con-duct"] {
  let source = try readAll(folder.appending("man/\(name).md"))
  let page = ManualPage(PageSource(String(decoding: source, as: UTF8.self)), program)
  documents.append((folder.appending("man/\(name).1"), page.text))
}
// For `man con-duct-ls`.
for (name, page) in [("run", "duct")] + program.subcommands.map({ ($0.name, "con-duct") }) {
  documents.append((folder.appending("man/con-duct-\(name).1"), ".so man1/\(page).1\n"))
}

var stale: [String] = []
for (path, text) in documents where (try? readAll(path)) != Array(text.utf8) {
  stale.append(path.string)
  if words.count == 2 { continue }
  let file = try FileDescriptor.open(
    path, .writeOnly, options: [.create, .truncate], permissions: FilePermissions(rawValue: 0o644))
  try file.closeAfter { _ = try file.writeAll(text.utf8) }
}
if words.count == 2 {
  for path in stale { print("not up to date: \(path); run `make generate`") }
  exit(stale.isEmpty ? 0 : 1)
}
print(stale.isEmpty ? "everything is up to date" : stale.map { "wrote \($0)" }.joined(separator: "\n"))
