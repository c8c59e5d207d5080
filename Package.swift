// swift-tools-version: 6.1
import PackageDescription

/// Settings of every Swift target: what a package of many modules is read more easily with.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// Set by contrib/with-slurm: whether there is a libslurm, and where it is if the compiler does not look there itself.
let hasLibslurm = Context.environment["DUCT_LIBSLURM"] != "no"
let slurmHeaders = Context.environment["DUCT_SLURM_INCLUDE"] ?? ""
let slurmLibrary = Context.environment["DUCT_SLURM_LIB"] ?? ""
// The macro is used nowhere. By it the compiler tells its cached modules apart, which it does not do by -I: the module
// that was made of another Slurm's headers would be taken.
let slurmSettings: [SwiftSetting] =
  slurmHeaders.isEmpty
  ? [] : [.unsafeFlags(["-Xcc", "-I\(slurmHeaders)", "-Xcc", "-DDUCT_SLURM_HEADERS=\(slurmHeaders)"])]
// The rpath is that of the helper alone: duct's own start would be slower by it.
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
    // The command line: one file a subcommand, no logic.
    .executableTarget(
      name: "duct",
      dependencies: [
        "DuctCore", "DuctReports", "SlurmJobs", "RecordText", "SystemCalls", argumentParser, system,
      ],
      swiftSettings: [.enableUpcomingFeature("ExistentialAny")]),

    // Reading records back: ls, jobs, report.
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

    // What a Slurm job is to us, and the client that asks the helper. No libslurm.
    .target(
      name: "SlurmJobs",
      dependencies: ["RecordText", "SystemCalls", bitCollections, collections, system],
      swiftSettings: strict),

    // Slurm asked by its own commands. No libslurm.
    .target(
      name: "SlurmCommands", dependencies: ["SlurmJobs", "RecordText", "SystemCalls", system],
      swiftSettings: strict),

    // Files that survive their file system. Knows nothing of duct.
    .target(
      name: "ResilientIO",
      dependencies: ["RecordText", "SystemCalls", "CSystemCalls", collections, system],
      swiftSettings: strict),

    // The loop that keeps the command's pipes read, for the relay and for duct in its place.
    .target(
      name: "OutputRelay", dependencies: ["SystemCalls", "CSystemCalls", system], swiftSettings: strict),
    .executableTarget(
      name: "duct-relay", dependencies: ["OutputRelay", "SystemCalls"], swiftSettings: strict),

    // libslurm in Swift; the helper is the only program that loads it.
    // contrib/with-slurm asks pkg-config: here a host without slurm.pc, such as Debian, would be warned of.
    .systemLibrary(name: "CSlurm", providers: [.apt(["libslurm-dev"])]),
    .target(
      name: "DuctSlurm",
      dependencies: ["CSlurm", "SlurmJobs", "RecordText", "SystemCalls", collections, system],
      swiftSettings: strict + slurmSettings),
    .executableTarget(
      name: "duct-slurm",
      dependencies: ["DuctSlurm", "SlurmJobs", "RecordText", "SystemCalls", system],
      swiftSettings: strict + slurmSettings, linkerSettings: slurmLinking),

    // Text as records hold it: JSON, any bytes in strings, Python's formats, times.
    .target(
      name: "RecordText", dependencies: ["SystemCalls", "CSystemCalls", collections, system],
      swiftSettings: strict),

    // Thin, typed wrappers of kernel calls: threads of our own, children, signals, pipes.
    .target(
      name: "SystemCalls", dependencies: ["CSystemCalls", system], swiftSettings: strict),
    .target(name: "CSystemCalls"),

    // Tests: a folder a target. RunTests and SlurmTests run the executables themselves.
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

// Without libslurm there is no helper: duct asks by Slurm's commands.
if !hasLibslurm {
  let left: Set = ["CSlurm", "DuctSlurm", "duct-slurm", "SlurmTests"]
  package.targets.removeAll { left.contains($0.name) }
  package.products.removeAll { left.contains($0.name) }
}
