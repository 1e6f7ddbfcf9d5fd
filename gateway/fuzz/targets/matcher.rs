//! libFuzzer's way into the target `matcher`.
#![no_main]

use gateway_fuzz::matcher::run;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    run(bytes);
});
