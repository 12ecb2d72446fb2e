//! Compiles the model into the firmware and tells the linker where the memories are.

fn main() {
    let manifest_dir = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rustc-link-search={manifest_dir}");
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bin=qemu-mps2-an386=-Tdefmt.x");
    println!("cargo::rerun-if-changed=memory.x");
}
