// swift-tools-version: 6.1
import PackageDescription

/// Settings shared by all Swift targets.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// contrib/with-slurm sets these: whether there is a libslurm, and where, unless it is where the compiler looks
/// itself.
let hasLibslurm = Context.environment["DUCT_LIBSLURM"] != "no"
let slurmHeaders = Context.environment["DUCT_SLURM_INCLUDE"] ?? ""
let slurmLibrary = Context.environment["DUCT_SLURM_LIB"] ?? ""
// No code uses the macro. It makes the compiler distinguish cached modules, which -I does not: otherwise it would
// reuse the module that it built from the headers of another Slurm.
let slurmSettings: [SwiftSetting] =
  slurmHeaders.isEmpty
  ? [] : [.unsafeFlags(["-Xcc", "-I\(slurmHeaders)", "-Xcc", "-DDUCT_SLURM_HEADERS=\(slurmHeaders)"])]
// Only the helper has the rpath, because an rpath would slow down the start of duct itself.
let slurmLinking: [LinkerSetting] =
  slurmLibrary.isEmpty
  ? [] : [.unsafeFlags(["-L\(slurmLibrary)", "-Xlinker", "-rpath", "-Xlinker", slurmLibrary])]

// `make release` sets this where there is a static C library. Without a loader, the relay starts in half the time. Only
// the relay: user names (NSS) and GPUs (dlopen) need the shared C library.
let relayLinking: [LinkerSetting] =
  Context.environment["DUCT_STATIC_RELAY"] == "yes" ? [.unsafeFlags(["-static-executable"])] : []

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let collections = Target.Dependency.product(
  name: "OrderedCollections", package: "swift-collections")
let bitCollections = Target.Dependency.product(name: "BitCollections", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "duct",
  products: [
    .executable(name: "duct", targets: ["duct"]),
    .executable(name: "duct-relay", targets: ["duct-relay"]),
    .executable(name: "duct-template", targets: ["duct-template"]),
    .executable(name: "duct-slurm", targets: ["duct-slurm"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0", traits: []),
  ],
  targets: [
    // The command line: one file per subcommand, no logic.
    .executableTarget(
      name: "duct",
      dependencies: [
        "DuctDoctor", "DuctRun", "DuctReports", "LogDelivery", "KerberosTickets", "DuctSettings",
        "DuctRecords", "SlurmClient", "SlurmJobs", "RecordText", "SystemCalls", argumentParser, system,
      ],
      swiftSettings: [.enableUpcomingFeature("ExistentialAny")]),

    // Whether a run would work here: doctor. Facts and what follows from them; gatherers of facts beside them.
    .target(
      name: "DuctDoctor",
      dependencies: [
        "DuctRun", "LogDelivery", "KerberosTickets", "ProcessSampling", "HostPrograms", "DuctSettings",
        "DuctRecords",
        "ResilientIO", "SlurmClient", "SlurmJobs", "RecordText", "SystemCalls", system,
      ],
      swiftSettings: strict),

    // One run: launch, signals, capture, the watch of jobs, the finalizer. Connects the rooms below.
    .target(
      name: "DuctRun",
      dependencies: [
        "LogDelivery", "KerberosTickets", "ProcessSampling", "HostPrograms", "DuctSettings", "DuctRecords",
        "OutputRelay", "ResilientIO", "SlurmClient", "SlurmJobs", "RecordText", "SystemCalls", collections,
        logging, system,
      ],
      swiftSettings: strict),

    // The answers of other programs of this host, such as klist.
    .target(
      name: "HostPrograms",
      dependencies: ["DuctSettings", "RecordText", "SystemCalls", system],
      swiftSettings: strict),

    // Reads records back: ls, jobs, report.
    .target(
      name: "DuctReports",
      dependencies: [
        "DuctSettings", "DuctRecords", "ResilientIO", "SlurmClient", "SlurmJobs", "RecordText", "SystemCalls",
        collections, system,
      ],
      swiftSettings: strict),

    // Fills in templates of pages. swift-mustache needs Foundation, which would slow down every start of duct.
    .executableTarget(
      name: "duct-template", dependencies: ["RecordText", "SystemCalls", "CNoCalendars", mustache, system],
      resources: [.embedInCode("report.mustache")], swiftSettings: strict),

    .target(name: "CNoCalendars"),

    // /proc, cgroups, GPUs; accounts of processor time.
    .target(
      name: "ProcessSampling",
      dependencies: [
        "DuctRecords", "SlurmJobs", "RecordText", "SystemCalls", "CSystemCalls", collections, logging, system,
      ],
      swiftSettings: strict),

    // The spool of a run, the carrier, the journal of samples, recovery.
    .target(
      name: "LogDelivery",
      dependencies: [
        "DuctRecords", "KerberosTickets", "OutputRelay", "ResilientIO", "SlurmJobs", "RecordText",
        "SystemCalls", collections, logging, system,
      ],
      swiftSettings: strict),

    // The user's Kerberos ticket: what is known of it, a run's own copy, when to renew it. Links no libkrb5.
    .target(
      name: "KerberosTickets", dependencies: ["RecordText", "SystemCalls", "CSystemCalls", system],
      swiftSettings: strict),

    // Options, environment, .env files, helper programs.
    .target(
      name: "DuctSettings",
      dependencies: [
        "DuctRecords", "ResilientIO", "SlurmClient", "SlurmJobs", "RecordText", "SystemCalls", "CSystemCalls",
        collections, logging, system,
      ],
      swiftSettings: strict),

    // The forms of info.json, usage.jsonl and the manifest, and reading them back.
    .target(
      name: "DuctRecords",
      dependencies: ["ResilientIO", "SlurmJobs", "RecordText", "SystemCalls", collections, system],
      swiftSettings: strict),

    // Asks Slurm: through the helper, or through Slurm's own commands. No libslurm.
    .target(
      name: "SlurmClient", dependencies: ["SlurmJobs", "RecordText", "SystemCalls", system],
      swiftSettings: strict),

    // Slurm jobs as duct sees them: states, evidence, the ledger, requests and answers. No libslurm.
    .target(
      name: "SlurmJobs",
      dependencies: ["RecordText", "SystemCalls", bitCollections, collections, system],
      swiftSettings: strict),

    // Files that survive their file system. Knows nothing of duct.
    .target(
      name: "ResilientIO",
      dependencies: ["RecordText", "SystemCalls", "CSystemCalls", collections, system],
      swiftSettings: strict),

    // The loop that reads the command's pipes, for the relay and for duct in its place.
    .target(
      name: "OutputRelay", dependencies: ["SystemCalls", "CSystemCalls", system], swiftSettings: strict),
    .executableTarget(
      name: "duct-relay", dependencies: ["OutputRelay", "SystemCalls"], swiftSettings: strict,
      linkerSettings: relayLinking),

    // libslurm in Swift; only the helper loads it.
    // contrib/with-slurm calls pkg-config. With `pkgConfig:` here, SwiftPM would warn on hosts without slurm.pc, such
    // as Debian.
    .systemLibrary(name: "CSlurm", providers: [.apt(["libslurm-dev"])]),
    .target(
      name: "DuctSlurm",
      dependencies: ["CSlurm", "SlurmJobs", "RecordText", "SystemCalls"],
      swiftSettings: strict + slurmSettings),
    .executableTarget(
      name: "duct-slurm",
      dependencies: ["DuctSlurm", "SlurmJobs", "RecordText", "SystemCalls", system],
      swiftSettings: strict + slurmSettings, linkerSettings: slurmLinking),

    // Text formats of records: JSON, any bytes in strings, Python's formats, times.
    .target(
      name: "RecordText", dependencies: ["SystemCalls", "CSystemCalls", collections, system],
      swiftSettings: strict),

    // Thin, typed wrappers of system calls: threads of our own, children, signals, pipes.
    .target(
      name: "SystemCalls", dependencies: ["CSystemCalls", system], swiftSettings: strict),
    .target(name: "CSystemCalls"),

    // Tests: one folder per target. RunTests and SlurmTests run the executables themselves.
    .target(
      name: "TestSupport",
      dependencies: ["RecordText", "SystemCalls", subprocess, system], path: "Tests/TestSupport",
      swiftSettings: strict),
    .testTarget(name: "SystemCallsTests", dependencies: ["SystemCalls", "TestSupport", system]),
    .testTarget(name: "RecordTextTests", dependencies: ["RecordText", "SystemCalls", "TestSupport"]),
    .testTarget(
      name: "ResilientIOTests", dependencies: ["ResilientIO", "SystemCalls", "TestSupport", system]),
    .target(
      name: "DeliverySimulation",
      dependencies: ["DuctRun", "OutputRelay", "ResilientIO", "SystemCalls", system],
      path: "Tests/DeliverySimulation", exclude: ["mutations"]),
    .executableTarget(
      name: "delivery-simulator", dependencies: ["DeliverySimulation", "SystemCalls"],
      path: "Tests/delivery-simulator"),
    .testTarget(
      name: "SimulationTests", dependencies: ["DeliverySimulation", "SystemCalls", "TestSupport", system]),
    .executableTarget(
      name: "generate-documents", dependencies: ["DuctSettings", "RecordText", "SystemCalls", system],
      path: "Tests/generate-documents"),
    .executableTarget(
      name: "record-reading",
      dependencies: ["DuctRecords", "SlurmJobs", "RecordText", "SystemCalls", system],
      path: "Tests/record-reading"),
    .testTarget(
      name: "OutputRelayTests", dependencies: ["OutputRelay", "SystemCalls", "TestSupport", system]),
    .testTarget(
      name: "SlurmJobsTests",
      dependencies: ["SlurmJobs", "RecordText", "SystemCalls", "TestSupport", system]),
    .testTarget(
      name: "SlurmClientTests",
      dependencies: ["SlurmClient", "SlurmJobs", "RecordText", "SystemCalls", "TestSupport", system]),
    .testTarget(
      name: "DuctRecordsTests", dependencies: ["DuctRecords", "SlurmJobs", "RecordText", "SystemCalls"]),
    .testTarget(
      name: "DuctSettingsTests",
      dependencies: [
        "DuctSettings", "DuctRecords", "SlurmJobs", "RecordText", "SystemCalls", "TestSupport",
      ]),
    .testTarget(
      name: "ProcessSamplingTests",
      dependencies: [
        "ProcessSampling", "DuctRecords", "RecordText", "SystemCalls", "TestSupport", system,
      ],
      exclude: ["Trees"]),
    .testTarget(
      name: "LogDeliveryTests",
      dependencies: [
        "LogDelivery", "DuctRecords", "OutputRelay", "RecordText", "ResilientIO", "SlurmJobs", "SystemCalls",
        "TestSupport",
        system,
      ]),
    .testTarget(
      name: "KerberosTicketsTests", dependencies: ["KerberosTickets"]),
    .testTarget(
      name: "DuctRunTests",
      dependencies: [
        "DuctRun", "KerberosTickets", "ProcessSampling", "DuctRecords", "OutputRelay", "SlurmClient",
        "SlurmJobs", "RecordText", "SystemCalls", "TestSupport", collections, logging,
      ]),
    .testTarget(
      name: "DuctDoctorTests",
      dependencies: [
        "DuctDoctor", "KerberosTickets", "HostPrograms", "ResilientIO", "SlurmJobs", "RecordText",
        "SystemCalls", system,
      ]),
    .testTarget(
      name: "DuctReportsTests",
      dependencies: [
        "DuctReports", "DuctSettings", "DuctRecords", "SlurmJobs", "RecordText", "SystemCalls", "TestSupport",
        system,
      ]),
    .testTarget(
      name: "RunTests",
      dependencies: [
        "TestSupport", "ProcessSampling", "DuctSettings", "DuctRecords", "RecordText", "SystemCalls", "duct",
        "duct-relay", "generate-documents", argumentParser, collections, system,
      ]),
    .testTarget(
      name: "ReliabilityTests",
      dependencies: [
        "TestSupport", "RecordText", "ResilientIO", "SystemCalls", "duct", "duct-relay", system,
      ]),
    .testTarget(
      name: "SlurmTests",
      dependencies: [
        "TestSupport", "RecordText", "SlurmClient", "SlurmJobs", "SystemCalls", "duct", "duct-relay",
        system,
      ]),
  ]
)

// Without libslurm there is no helper: duct asks Slurm through its commands.
if !hasLibslurm {
  let left: Set = ["CSlurm", "DuctSlurm", "duct-slurm", "SlurmTests"]
  package.targets.removeAll { left.contains($0.name) }
  package.products.removeAll { left.contains($0.name) }
}
