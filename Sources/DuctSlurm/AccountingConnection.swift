internal import CSlurm
import Glibc
internal import SlurmJobs

/// An open connection to slurmdbd.
final class AccountingConnection {
  let handle: UnsafeMutableRawPointer

  init() throws(SlurmFailure) {
    var error: CInt = 0
    guard let handle = duct_slurm_accounting_open(&error) else {
      throw Self.failure("slurmdb_connection_get", error)
    }
    self.handle = handle
  }

  deinit { duct_slurm_accounting_close(handle) }

  static func failure(_ function: String, _ error: CInt) -> SlurmFailure {
    let reason = error == 0 ? "unknown error" : slurmText(slurm_strerror(error)) ?? "error \(error)"
    return SlurmFailure(.slurm, "\(function): \(reason)", code: error == 0 ? nil : Int(error))
  }
}

/// A list of texts; nil for none, which means no condition.
func textList(_ texts: [String]) -> OpaquePointer? {
  if texts.isEmpty { return nil }
  let list = duct_slurm_text_list()
  for text in texts { duct_slurm_append_text(list, text) }
  return list
}

/// A list of jobs, for a query by id.
func jobList(_ ids: [UInt32]) -> OpaquePointer? {
  let list = slurm_list_create { free($0) }
  for id in ids { duct_slurm_append_job(list, id) }
  return list
}

/// The elements of a Slurm list. The list still owns them.
func elements<Element>(_ list: OpaquePointer?) -> [UnsafeMutablePointer<Element>] {
  var count: CInt = 0
  guard let array = duct_slurm_list_elements(list, &count) else { return [] }
  defer { free(array) }
  return (0..<Int(count)).compactMap { array[$0]?.assumingMemoryBound(to: Element.self) }
}
