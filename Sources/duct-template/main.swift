// duct-template: fills in a template of a page. Reads one request as a line of JSON from standard input, and prints the
// page.
//
// A process of its own, for two reasons: swift-mustache needs Foundation, which would make every start of duct slower, and
// a template that somebody wrote can make it crash.

import CNoCalendars
import Glibc
import RecordText
import SystemCalls
import SystemPackage

guard let request = readLine() else {
  complain("duct-template: no request on standard input; duct starts this program itself")
  exit(2)
}

let page: String
do throws(Problem) { page = try PageRequest(json: Array(request.utf8)).page() } catch {
  complain(error.description)
  exit(2)
}
do throws(Errno) { try FileDescriptor.standardOutput.writeAll(Array(page.utf8)) } catch {
  complain("duct-template: cannot write the page: \(error.description)")
  exit(1)
}
