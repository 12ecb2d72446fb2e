//! Compiles the board's model into the firmware and tells the linker where the memories are.

fn main() {
    thumbnet_compile::build_script::run();
    // Here rather than in .cargo/config.toml, because RUSTFLAGS in the environment would replace flags from there.
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bin=qemu-microbit=-Tdefmt.x");
}
