import Glibc
internal import RecordText
internal import SystemCalls

/// MIT's Kerberos library (libkrb5.so.3), loaded at run time: duct also runs where there is none.
///
/// Only a process that ends soon uses it, so nothing is freed, and a call that hangs takes nothing with it.
public struct KerberosLibrary {
  /// A credential cache, and another object of the library.
  typealias Cache = OpaquePointer
  private typealias Object = OpaquePointer

  private typealias MakeContext = @convention(c) (UnsafeMutablePointer<Object?>) -> CInt
  private typealias DefaultCache = @convention(c) (Object, UnsafeMutablePointer<Cache?>) -> CInt
  private typealias NamedCache =
    @convention(c) (Object, UnsafePointer<CChar>, UnsafeMutablePointer<Cache?>) -> CInt
  private typealias Read = @convention(c) (Object, Cache, UnsafeMutablePointer<Object?>) -> CInt
  private typealias Name =
    @convention(c) (Object, Object, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt
  private typealias Initialize = @convention(c) (Object, Cache, Object) -> CInt
  private typealias Two = @convention(c) (Object, Object, Object) -> CInt
  private typealias Next =
    @convention(c) (Object, Cache, UnsafeMutablePointer<Object?>, UnsafeMutableRawPointer) -> CInt
  private typealias Store = @convention(c) (Object, Cache, UnsafeMutableRawPointer) -> CInt
  private typealias Renew =
    @convention(c) (Object, UnsafeMutableRawPointer, Object, Cache, UnsafePointer<CChar>?) -> CInt
  private typealias Message = @convention(c) (Object, CInt) -> UnsafePointer<CChar>?

  /// Layout of krb5_creds on hosts with pointers of 64 bits: int32 magic; two principals; a keyblock of 24 bytes; four
  /// times of 32 bits (authtime, starttime, endtime, renew_till); is_skey; the flags; addresses and tickets.
  private enum Credential {
    static let server = 16
    static let start = 52
    static let end = 56
    static let renewUntil = 60
    static let flags = 68
    /// TKT_FLG_RENEWABLE.
    static let renewable: UInt32 = 0x0080_0000
    /// More than the 120 bytes of the structure.
    static let size = 256
  }

  public static let fileName = "libkrb5.so.3"

  private let library: UnsafeMutableRawPointer
  private let context: Object

  /// Whether this host has the library.
  public static var isInstalled: Bool { dlopen(fileName, RTLD_LAZY | RTLD_LOCAL) != nil }

  init() throws(Problem) {
    guard let library = dlopen(Self.fileName, RTLD_NOW | RTLD_LOCAL) else {
      throw Problem(dlerror().map { String(cString: $0) } ?? "\(Self.fileName) cannot be loaded")
    }
    self.library = library
    guard let start = dlsym(library, "krb5_init_context") else { throw Self.lacks("krb5_init_context") }
    var made: Object?
    let code = unsafeBitCast(start, to: MakeContext.self)(&made)
    guard code == 0, let made else { throw Problem("\(Self.fileName) cannot be used: error \(code)") }
    context = made
  }

  private static func lacks(_ name: String) -> Problem { Problem("\(fileName) lacks \(name)") }

  private func function<Function>(_ name: String, _ type: Function.Type) throws(Problem) -> Function {
    guard let found = dlsym(library, name) else { throw Self.lacks(name) }
    return unsafeBitCast(found, to: type)
  }

  /// Throws the library's own words for an error.
  private func check(_ code: CInt) throws(Problem) {
    guard code != 0 else { return }
    let message = try function("krb5_get_error_message", Message.self)(context, code)
    throw Problem(message.map { String(escaping: bytes(ofCString: $0)) } ?? "Kerberos error \(code)")
  }

  private func object(_ found: Object?) throws(Problem) -> Object {
    guard let found else { throw Problem("\(Self.fileName) returned nothing") }
    return found
  }

  // MARK: Caches

  /// The cache of this process's user: that of $KRB5CCNAME, or the default of krb5.conf.
  func userCache() throws(Problem) -> Cache {
    var cache: Cache?
    try check(function("krb5_cc_default", DefaultCache.self)(context, &cache))
    return try object(cache)
  }

  /// - Parameter name: with its kind, such as `FILE:/tmp/krb5cc_1000`.
  func cache(_ name: String) throws(Problem) -> Cache {
    var cache: Cache?
    try check(function("krb5_cc_resolve", NamedCache.self)(context, name, &cache))
    return try object(cache)
  }

  private func principal(_ cache: Cache) throws(Problem) -> Object {
    var found: Object?
    try check(function("krb5_cc_get_principal", Read.self)(context, cache, &found))
    return try object(found)
  }

  private func text(_ function: Name, _ value: Object) throws(Problem) -> String {
    var text: UnsafeMutablePointer<CChar>?
    try check(function(context, value, &text))
    return text.map { String(escaping: bytes(ofCString: $0)) } ?? ""
  }

  private func name(ofPrincipal principal: Object) throws(Problem) -> String {
    try text(function("krb5_unparse_name", Name.self), principal)
  }

  func haveSameOwner(_ one: Cache, _ other: Cache) throws(Problem) -> Bool {
    try name(ofPrincipal: principal(one)) == name(ofPrincipal: principal(other))
  }

  /// The ticket-granting ticket of a cache.
  func ticket(in cache: Cache) throws(Problem) -> KerberosTicket { try life(in: cache).ticket }

  /// The ticket-granting ticket of a cache, and when it began.
  struct Life {
    var ticket: KerberosTicket
    /// In seconds since 1970.
    var start: Double
    var seconds: Double { ticket.end - start }
  }

  func life(in cache: Cache) throws(Problem) -> Life {
    let client = try name(ofPrincipal: principal(cache))
    let realm = client.split(separator: "@").last ?? ""
    let wanted = "krbtgt/\(realm)@\(realm)"
    let next = try function("krb5_cc_next_cred", Next.self)
    var cursor: Object?
    try check(function("krb5_cc_start_seq_get", Read.self)(context, cache, &cursor))
    let credential = Self.emptyCredential()
    while next(context, cache, &cursor, credential) == 0 {
      let server = credential.load(fromByteOffset: Credential.server, as: Object?.self)
      guard let server, try name(ofPrincipal: server) == wanted else { continue }
      func time(_ offset: Int) -> Double {
        Double(credential.load(fromByteOffset: offset, as: UInt32.self))
      }
      let flags = credential.load(fromByteOffset: Credential.flags, as: UInt32.self)
      let ticket = KerberosTicket(
        cache: try text(function("krb5_cc_get_full_name", Name.self), cache), end: time(Credential.end),
        renewUntil: flags & Credential.renewable == 0 ? nil : time(Credential.renewUntil))
      return Life(ticket: ticket, start: time(Credential.start))
    }
    throw Problem("the cache of \(client) has no ticket for \(realm)")
  }

  private static func emptyCredential() -> UnsafeMutableRawPointer {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: Credential.size, alignment: 16)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: Credential.size)
    return memory
  }

  // MARK: Changes

  /// Replaces what is in a cache by everything that is in another one.
  func copy(_ source: Cache, to target: Cache) throws(Problem) {
    try check(
      function("krb5_cc_initialize", Initialize.self)(context, target, principal(source)))
    try check(function("krb5_cc_copy_creds", Two.self)(context, source, target))
  }

  /// Has the KDC renew the ticket of a cache, and replaces what is in another one, or the same, by the new ticket.
  func renew(_ source: Cache, into target: Cache) throws(Problem) {
    let client = try principal(source)
    let credential = Self.emptyCredential()
    try check(function("krb5_get_renewed_creds", Renew.self)(context, credential, client, source, nil))
    try check(function("krb5_cc_initialize", Initialize.self)(context, target, client))
    try check(function("krb5_cc_store_cred", Store.self)(context, target, credential))
  }
}
