import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import SlurmJobs

@Suite struct SlurmConfigurationFileTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func read(_ text: String) throws -> SlurmConfigurationFile {
    try sandbox.write(text, to: "slurm.conf")
    return try SlurmConfigurationFile(reading: sandbox["slurm.conf"])
  }

  @Test func plainSettings() throws {
    let file = try read(
      "# ClusterName=no\nclustername=Deep TrackWCKey=no # TrackWCKey=yes\nNodeName=n[1-3] CPUs=4\n")
    #expect(file.clusterName == "deep")
    #expect(!file.tracksWckeys)
  }

  @Test(arguments: [
    "TrackWCKey=Yes", "trackwckey=1", "AccountingStorageEnforce=limits,wckeys",
    "AccountingStorageEnforce=ALL",
    "Foo=bar \\\nTrackWCKey=yes", "Foo=bar \\  \nTrackWCKey=yes",
    "TrackWCKey = Yes", "TrackWCKey\t=\tyes", "TrackWCKey= yes", "TrackWCKey =yes", "TrackWCKey=\"yes\"",
    "Foo=\"a b\" TrackWCKey=yes", "Foo = \"a b\"  TrackWCKey = \"Yes\" Bar=1", "Foo+=1 TrackWCKey=yes",
    "AccountingStorageEnforce = \"limits, wckeys\"", "ClusterName=a\r\n# c\r\nTrackWCKey=yes\r\n",
    "nonsense TrackWCKey=yes",
  ])
  func wckeysAreTracked(_ line: String) throws { #expect(try read(line).tracksWckeys) }

  @Test(arguments: [
    "", "TrackWCKey=no", "AccountingStorageEnforce=associations,limits", "#TrackWCKey=yes",
    "TrackWCKey = no", "Foo=\"TrackWCKey=yes\"", "Foo = \"a TrackWCKey=yes b\"", "TrackWCKey", "TrackWCKey =",
    "= TrackWCKey yes",
  ])
  func wckeysAreFree(_ line: String) throws { #expect(try !read(line).tracksWckeys) }

  @Test func spacesAroundTheMark() throws {
    #expect(try read("ClusterName = \"Deep\" SlurmctldHost = host\n").clusterName == "deep")
  }

  /// A file that is too large is refused, since a setting may follow the part that is read.
  @Test func aFileThatIsTooLargeIsNotBelieved() throws {
    let filling = String(repeating: "# filling\n", count: 120_000)
    #expect(throws: Errno.fileTooLarge) { try read("ClusterName=a\n" + filling + "TrackWCKey=yes\n") }
  }

  @Test func includesAreFollowed() throws {
    try sandbox.makeDirectory("conf.d")
    try sandbox.write("TrackWCKey=yes\n", to: "conf.d/more.conf")
    #expect(try read("ClusterName=a\nInclude conf.d/more.conf\n").tracksWckeys)
    #expect(try read("include \(sandbox["conf.d/more.conf"].string)\n").tracksWckeys)
  }

  @Test func aMissingIncludeIsAnError() {
    #expect(throws: Errno.noSuchFileOrDirectory) { try read("Include nowhere.conf\n") }
  }

  @Test func aFileThatIncludesItselfEnds() throws {
    #expect(try read("ClusterName=a\nInclude slurm.conf\n").clusterName == "a")
  }

  @Test func theVariableWins() {
    let path = SlurmConfigurationFile.locate(environment: ["SLURM_CONF": "/nowhere/slurm.conf"])
    #expect(path == "/nowhere/slurm.conf")
  }

  /// slurm.conf is found relative to the scontrol in PATH, also through a symbolic link.
  @Test func aSlurmWithAPrefixOfItsOwn() throws {
    for folder in ["site", "site/bin", "site/etc", "site/etc/slurm", "links"] {
      try sandbox.makeDirectory(folder)
    }
    try sandbox.write("", to: "site/bin/scontrol", executable: true)
    #expect(symlink(sandbox["site/bin/scontrol"].string, sandbox["links/scontrol"].string) == 0)
    let path = ["PATH": "/no/such:\(sandbox["links"]):/usr/bin"]
    try sandbox.write("", to: "site/etc/slurm/slurm.conf")
    #expect(SlurmConfigurationFile.locate(environment: path) == sandbox["site/etc/slurm/slurm.conf"])
    try sandbox.write("", to: "site/etc/slurm.conf")
    #expect(SlurmConfigurationFile.locate(environment: path) == sandbox["site/etc/slurm.conf"])
  }
}

@Suite struct JobTagTests {
  @Test func aTagTellsItsRun() {
    #expect(JobTag.runID(of: JobTag.tag(ofRun: "20261124t1-ab")) == "20261124t1-ab")
    #expect(JobTag.runID(of: "*duct-x") == "x")
    #expect(JobTag.runID(of: "project") == nil)
    #expect(JobTag.runID(of: nil) == nil)
  }

  @Test func aWckeyOfTheUsersOwn() {
    #expect(JobTag.ownWckey(environment: ["SLURM_WCKEY": "mine"])?.variable == "SLURM_WCKEY")
    #expect(JobTag.ownWckey(environment: ["SBATCH_WCKEY": "duct-x", "SLURM_WCKEY": ""]) == nil)
    #expect(JobTag.parentRunID(environment: ["SALLOC_WCKEY": "duct-x"]) == "x")
    #expect(JobTag.parentRunID(environment: ["SBATCH_WCKEY": "mine"]) == nil)
  }
}
