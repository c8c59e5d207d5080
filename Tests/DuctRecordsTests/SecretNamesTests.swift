import Testing

@testable import DuctRecords

@Suite struct SecretNamesTests {
  @Test(arguments: [
    "SLURM_JWT", "HF_TOKEN", "TOKEN", "SLURM_TOKEN_FILE", "PBS_PASSWORD", "OSG_DB_PASSWORD_1",
    "SLURM_SECRETS",
    "AWS_SECRET_ACCESS_KEY", "SLURM_API_KEY", "slurm_jwt",
  ])
  func variablesThatAreSecret(_ name: String) { #expect(SecretNames.isSecret(variable: name)) }

  @Test(arguments: [
    "SLURM_JOB_ID", "SLURM_WCKEY", "SLURM_KEYS", "JWT_ISSUER", "PBS_O_HOME", "OSG_KEYRING", "",
  ])
  func variablesThatAreNot(_ name: String) { #expect(!SecretNames.isSecret(variable: name)) }

  @Test(arguments: [
    ("env SLURM_JWT=abc.def sbatch x", "env SLURM_JWT=[redacted] sbatch x"),
    ("sbatch --export=ALL,HF_TOKEN=x,y job", "sbatch --export=ALL,HF_TOKEN=[redacted] job"),
    ("sh -c export TOKEN='a b' && run", "sh -c export TOKEN=[redacted] && run"),
    ("a --password hunter2 b", "a --password [redacted] b"),
    ("a --password -Xy7 b", "a --password [redacted] b"),
    ("a --password=hunter2", "a --password=[redacted]"),
    ("a --api-key k --hf_token t -v", "a --api-key [redacted] --hf_token [redacted] -v"),
    ("curl http://x/?access_token=abc", "curl http://x/?access_token=[redacted]"),
    ("MY_KEY=1\nX=2", "MY_KEY=[redacted]\nX=2"), ("password=\"unclosed x", "password=[redacted]"),
    ("é=TOKEN=ü\u{10FFFF}", "é=TOKEN=[redacted]"),
  ])
  func commandLines(_ line: String, _ expected: String) {
    #expect(SecretNames.hidden(in: line) == expected)
    #expect(SecretNames.hidden(in: expected) == expected)
  }

  @Test(arguments: [
    "train --max-tokens 100 --max_tokens=5 --tokenizer=t --sort-key name", "a=b TOKEN= c",
    "--password --verbose",
    "--password", "=x", "TOKEN", "-password x", "",
  ])
  func whatIsNoSecretStays(_ line: String) { #expect(SecretNames.hidden(in: line) == line) }

  /// A value of the command's own arguments is redacted to the end of the argument, also beyond white space.
  @Test func argumentsAreKnownToTheirEnds() throws {
    let redaction = Redaction()
    #expect(
      redaction.applied(to: ["x", "PASSWORD=two words", "--token", "three more words", "y"])
        == "x PASSWORD=[redacted] --token [redacted] y")
    #expect(redaction.applied(to: "v", of: "SLURM_JWT") == "[redacted]")
    #expect(redaction.applied(to: "", of: "SLURM_JWT") == "")
    let open = Redaction(hidesSecrets: false)
    #expect(
      open.applied(to: ["TOKEN=a", "b"]) == "TOKEN=a b" && open.applied(to: "v", of: "SLURM_JWT") == "v")
  }
}
