internal import CSlurm
internal import SlurmJobs

/// Which release of Slurm this was compiled for, and which one the library that is loaded is of.
///
/// The structures that libslurm fills change with each release. A library of another one makes this process read
/// past their ends, or take nothing for an answer.
enum LibraryRelease {
  static let release = SlurmRelease(
    Int(duct_slurm_header_version >> 16 & 0xFF), Int(duct_slurm_header_version >> 8 & 0xFF))

  /// Such as `22.05.8`. It is the library's as well, once `check` has found them to be of one release.
  static var ofHeaders: String {
    "\(release).\(duct_slurm_header_version & 0xFF)"
  }

  /// To be asked before any other call.
  ///
  /// - Throws: `wrongLibrary` where the two differ.
  static func check() throws(SlurmFailure) {
    let (needed, found) = (duct_slurm_header_number(), duct_slurm_library_number())
    if needed == found { return }
    throw SlurmFailure(
      .wrongLibrary,
      "duct-slurm was compiled for Slurm \(ofHeaders) (libslurm.so.\(needed)), and was given libslurm.so.\(found): build it again with headers and library of one release"
    )
  }
}
