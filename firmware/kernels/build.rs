//! Selects the backend that `Native` is, by target triple: stable Rust does not expose the DSP extension
//! as a `target_feature`, and a `cfg` on one that is not exposed would silently choose the slow path.
//!
//! `RUSTFLAGS='--cfg thumbnet_backend="portable"'` (or `"armv7em"`, `"scalar"`) overrides the choice; off Arm,
//! "armv7em" runs the Rust models of its instructions.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(native_dsp)");
    println!("cargo::rustc-check-cfg=cfg(native_fpu)");
    println!("cargo::rustc-check-cfg=cfg(native_armv7em)");
    println!("cargo::rustc-check-cfg=cfg(native_scalar)");
    println!("cargo::rustc-check-cfg=cfg(native_short_products)");

    let target = std::env::var("TARGET").expect("cargo sets TARGET");
    let has_dsp = target.starts_with("thumbv7em-");
    if target.starts_with("thumbv6m-") {
        println!("cargo::rustc-cfg=native_short_products");
    }
    // Bare metal is small cores, none of which LLVM vectorizes for.
    let is_bare = std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none");
    let best = match (has_dsp, is_bare) {
        (true, _) => "armv7em",
        (false, true) => "scalar",
        (false, false) => "portable",
    };
    let wanted = std::env::var("CARGO_CFG_THUMBNET_BACKEND");
    match wanted.as_deref().unwrap_or(best) {
        "portable" => {}
        "scalar" => println!("cargo::rustc-cfg=native_scalar"),
        "armv7em" => {
            println!("cargo::rustc-cfg=native_armv7em");
            if has_dsp {
                println!("cargo::rustc-cfg=native_dsp");
                if target.ends_with("eabihf") {
                    println!("cargo::rustc-cfg=native_fpu");
                }
            }
        }
        other => println!(
            "cargo::error=no backend '{other}': thumbnet_backend is portable, scalar or armv7em"
        ),
    }
}
