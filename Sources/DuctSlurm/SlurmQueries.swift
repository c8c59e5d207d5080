internal import CSlurm
import Glibc
public import SlurmJobs

/// Answers one request with libslurm, which may end this process: see docs/decisions.md.
public enum SlurmQueries {
  public static func answer(_ request: SlurmRequest) -> SlurmAnswer {
    if request == .hostNames {
      var answer = SlurmAnswer()
      answer.hostNames = HostNames.local(within: 2)
      return answer
    }
    do throws(SlurmFailure) { try LibraryRelease.check() } catch { return SlurmAnswer(failure: error) }
    // Otherwise, libslurm truncates the expression of an array's tasks to 64 characters.
    setenv("SLURM_BITSTR_LEN", "0", 1)
    slurm_init(nil)
    do throws(SlurmFailure) {
      switch request {
      case .jobsOfUser(let uid, let scope): return try ControllerQueries.jobsOfUser(uid, scope)
      case .jobs(let ids): return try ControllerQueries.jobs(ids)
      case .accountingJobs(let ids, let cluster, let uid):
        return try AccountingQueries.jobs(ids: ids, cluster: cluster, uid: uid)
      case .accountingOfUser(let uid, let since, let until, let tags):
        return try AccountingQueries.jobs(ofUser: uid, since: since, until: until, tags: tags)
      case .configuration: return try ControllerQueries.configuration()
      case .ping: return try ControllerQueries.ping()
      case .hostNames: return SlurmAnswer()
      }
    } catch {
      var failure = error
      failure.libraryVersion = LibraryRelease.ofHeaders
      return SlurmAnswer(failure: failure)
    }
  }
}
