//! libFuzzer's way into the target `framing`.
#![no_main]

use gateway_fuzz::framing::run;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    run(bytes);
});
