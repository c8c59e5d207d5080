internal import CSlurm
internal import SlurmJobs

/// The release of Slurm that this program was compiled for, and the release of the loaded library.
///
/// The structures that libslurm fills change with each release. With a library of another release, this process
/// would read beyond their ends or accept invalid answers.
enum LibraryRelease {
  static let release = SlurmRelease(
    Int(duct_slurm_header_version >> 16 & 0xFF), Int(duct_slurm_header_version >> 8 & 0xFF))

  /// The release of the headers, such as `22.05.8`. After a successful `check`, the library is of the same release.
  static var ofHeaders: String {
    "\(release).\(duct_slurm_header_version & 0xFF)"
  }

  /// Compares the releases of headers and library. Call it before anything else of libslurm.
  ///
  /// - Throws: `wrongLibrary` if they differ.
  static func check() throws(SlurmFailure) {
    let (needed, found) = (duct_slurm_header_number(), duct_slurm_library_number())
    if needed == found { return }
    throw SlurmFailure(
      .wrongLibrary,
      "duct-slurm was compiled for Slurm \(ofHeaders) (libslurm.so.\(needed)), and was given libslurm.so.\(found): build it again with headers and library of one release"
    )
  }
}
