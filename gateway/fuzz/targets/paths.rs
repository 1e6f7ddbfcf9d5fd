//! libFuzzer's way into the target `paths`.
#![no_main]

use gateway_fuzz::paths::run;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    run(bytes);
});
