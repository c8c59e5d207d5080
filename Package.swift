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

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let collections = Target.Dependency.product(
  name: "OrderedCollections", package: "swift-collections")
let bitCollections = Target.Dependency.product(name: "BitCollections", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "duct",
  products: [
    .executable(name: "duct", targets: ["duct"]),
    .executable(name: "duct-relay", targets: ["duct-relay"]),
    .executable(name: "duct-slurm", targets: ["duct-slurm"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0", traits: []),
  ],
  targets: [
    // The command line: one file per subcommand, no logic.
    .executableTarget(
      name: "duct",
      dependencies: [
        "DuctCore", "DuctReports", "SlurmJobs", "RecordText", "SystemCalls", argumentParser, system,
      ],
      swiftSettings: [.enableUpcomingFeature("ExistentialAny")]),

    // Reads records back: ls, jobs, report.
    .target(
      name: "DuctReports",
      dependencies: ["DuctCore", "SlurmJobs", "RecordText", "SystemCalls", collections, system],
      swiftSettings: strict),

    // One run, from start to end.
    .target(
      name: "DuctCore",
      dependencies: [
        "OutputRelay", "ResilientIO", "SlurmCommands", "SlurmJobs", "RecordText", "SystemCalls",
        "CSystemCalls", collections, logging, system,
      ],
      swiftSettings: strict),

    // Slurm jobs as duct sees them, and the client that asks the helper. No libslurm.
    .target(
      name: "SlurmJobs",
      dependencies: ["RecordText", "SystemCalls", bitCollections, collections, system],
      swiftSettings: strict),

    // Asks Slurm through its own commands. No libslurm.
    .target(
      name: "SlurmCommands", dependencies: ["SlurmJobs", "RecordText", "SystemCalls", system],
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
      name: "duct-relay", dependencies: ["OutputRelay", "SystemCalls"], swiftSettings: strict),

    // libslurm in Swift; only the helper loads it.
    // contrib/with-slurm calls pkg-config. With `pkgConfig:` here, SwiftPM would warn on hosts without slurm.pc, such
    // as Debian.
    .systemLibrary(name: "CSlurm", providers: [.apt(["libslurm-dev"])]),
    .target(
      name: "DuctSlurm",
      dependencies: ["CSlurm", "SlurmJobs", "RecordText", "SystemCalls", collections, system],
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
    .testTarget(name: "RecordTextTests", dependencies: ["RecordText", "TestSupport"]),
    .testTarget(name: "ResilientIOTests", dependencies: ["ResilientIO", "TestSupport", system]),
    .target(
      name: "DeliverySimulation",
      dependencies: ["DuctCore", "OutputRelay", "ResilientIO", "SystemCalls", system],
      path: "Tests/DeliverySimulation", exclude: ["mutations"]),
    .executableTarget(
      name: "delivery-simulator", dependencies: ["DeliverySimulation", "SystemCalls"],
      path: "Tests/delivery-simulator"),
    .testTarget(
      name: "SimulationTests", dependencies: ["DeliverySimulation", "SystemCalls", "TestSupport", system]),
    .testTarget(name: "OutputRelayTests", dependencies: ["OutputRelay", "TestSupport", system]),
    .testTarget(
      name: "SlurmJobsTests", dependencies: ["SlurmCommands", "SlurmJobs", "TestSupport", system]),
    .testTarget(
      name: "DuctCoreTests",
      dependencies: [
        "DuctCore", "SlurmCommands", "SlurmJobs", "SystemCalls", "TestSupport", collections, logging, system,
      ]),
    .testTarget(
      name: "DuctReportsTests",
      dependencies: ["DuctReports", "DuctCore", "RecordText", "SlurmJobs", "TestSupport", system]),
    .testTarget(
      name: "RunTests",
      dependencies: [
        "TestSupport", "DuctCore", "RecordText", "SystemCalls", "duct", "duct-relay", argumentParser,
        collections, system,
      ]),
    .testTarget(
      name: "ReliabilityTests",
      dependencies: [
        "TestSupport", "RecordText", "ResilientIO", "SystemCalls", "duct", "duct-relay", system,
      ]),
    .testTarget(
      name: "SlurmTests",
      dependencies: [
        "TestSupport", "RecordText", "SlurmCommands", "SlurmJobs", "SystemCalls", "duct", "duct-relay",
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
