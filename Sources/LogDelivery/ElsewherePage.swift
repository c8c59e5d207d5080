internal import OutputRelay
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

extension SpooledPage {
  private typealias Name = RunSpool.FileName
  /// More than any path has, in bytes.
  private static let longestPrefix = 1 << 20

  /// The page of a delivery into another directory (`recover --to`), in a file of its own.
  ///
  /// This page itself does not change then, so it still says which files of the former directory are the run's, and how
  /// much of the output they have. If the delivery does not get to its end, the next one needs to know that.
  ///
  /// Repeated for the same directory, it returns the page that knows the files which the earlier delivery has made there.
  ///
  /// - Parameter prefix: the run's prefix in the other directory.
  /// - Returns: also why the page is in memory only, if the disk has no room for it: then a repeated delivery does not
  ///   know the files of this one.
  /// - Throws: ENOMEM, or another error of making a page in memory.
  func elsewhere(_ prefix: String) throws(Errno) -> (page: SpooledPage, problem: PrivateFolder.Refusal?) {
    if let known = knownElsewhere(prefix) { return (known, nil) }
    do throws(PrivateFolder.Refusal) {
      folder.remove(Name.elsewherePrefix)
      try folder.replace(Name.elsewhere, with: status.bytes)
      // Last, since the page is used only together with it.
      try folder.replace(Name.elsewherePrefix, with: Array(prefix.utf8))
      return (try SpooledPage(folder, Name.elsewhere), nil)
    } catch {
      return (SpooledPage(try RelayStatus(copying: status), folder), error)
    }
  }

  private func knownElsewhere(_ prefix: String) -> SpooledPage? {
    guard let known = try? folder.read(Name.elsewherePrefix, limit: Self.longestPrefix),
      known == Array(prefix.utf8),
      let page = try? SpooledPage(folder, Name.elsewhere)
    else { return nil }
    // A delivery into the log directory of the run may have given back more of the spool since.
    let isCurrent = (0..<2).allSatisfy {
      page.status.isPlausible(stream: $0)
        && page.status.released(stream: $0) == status.released(stream: $0)
    }
    return isCurrent ? page : nil
  }
}
