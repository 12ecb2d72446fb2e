//! Selects the backend that `Native` is, by target triple: stable Rust does not expose the DSP extension
//! as a `target_feature`, and a `cfg` on one that is not exposed would silently choose the slow path.
//!
//! `RUSTFLAGS='--cfg thumbnet_backend="portable"'` (or `"armv7em"`) overrides the choice; off Arm, "armv7em"
//! runs the Rust models of its instructions.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(native_dsp)");
    println!("cargo::rustc-check-cfg=cfg(native_fpu)");
    println!("cargo::rustc-check-cfg=cfg(native_armv7em)");

    let target = std::env::var("TARGET").expect("cargo sets TARGET");
    let has_dsp = target.starts_with("thumbv7em-");
    let armv7em = match std::env::var("CARGO_CFG_THUMBNET_BACKEND").as_deref() {
        Err(_) => has_dsp,
        Ok("armv7em") => true,
        Ok("portable") => false,
        Ok(other) => {
            println!("cargo::error=no backend '{other}': thumbnet_backend is portable or armv7em");
            return;
        }
    };
    if armv7em {
        println!("cargo::rustc-cfg=native_armv7em");
        if has_dsp {
            println!("cargo::rustc-cfg=native_dsp");
            if target.ends_with("eabihf") {
                println!("cargo::rustc-cfg=native_fpu");
            }
        }
    }
}
