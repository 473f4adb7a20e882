# Target xgrammar, the C++ core of XGrammar, from its source archive (deps/pip-sources.txt).
set(GLMV_XGRAMMAR "${CMAKE_CURRENT_SOURCE_DIR}/build/deps/xgrammar" CACHE PATH
    "folder that holds the unpacked source archive of XGrammar")
if(NOT EXISTS ${GLMV_XGRAMMAR}/include/xgrammar/xgrammar.h)
  message(FATAL_ERROR "no XGrammar under ${GLMV_XGRAMMAR}: run ./x setup, or pass -DGLMV_XGRAMMAR=DIR")
endif()
# XGrammar reads its options from here; left to itself it would build Python bindings.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/config.cmake CONTENT
"set(XGRAMMAR_BUILD_PYTHON_BINDINGS OFF)
set(XGRAMMAR_BUILD_CXX_TESTS OFF)
set(XGRAMMAR_ENABLE_CPPTRACE OFF)
set(XGRAMMAR_ENABLE_COVERAGE OFF)
set(XGRAMMAR_ENABLE_INTERNAL_CHECK OFF)
" @ONLY)
add_subdirectory(${GLMV_XGRAMMAR} ${CMAKE_BINARY_DIR}/xgrammar EXCLUDE_FROM_ALL SYSTEM)
# Its messages go to glmv/runtime/grammar_messages.cc instead of stderr.
target_compile_definitions(xgrammar PRIVATE XGRAMMAR_LOG_CUSTOMIZE=1)
# Its link-time optimisation would run again for every program, its warnings are not ours to mend.
target_compile_options(xgrammar PRIVATE -march=x86-64-v2 -fno-lto -O2 -w)
if(GLMV_SANITIZE)
  target_compile_options(xgrammar PRIVATE -fsanitize=${GLMV_SANITIZE} -fno-omit-frame-pointer)
endif()
if(GLMV_FUZZ)
  target_compile_options(xgrammar PRIVATE -fsanitize=fuzzer-no-link,address,undefined -g)
endif()
