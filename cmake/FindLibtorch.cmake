# Imported target glmv_libtorch from an unpacked torch wheel or a libtorch folder, CPU or CUDA
# built. find_package(Torch) is not used: it stops without a CUDA toolkit and adds defines that
# break a shared precompiled header.
set(_candidates ${GLMV_TORCH}/torch ${GLMV_TORCH})
foreach(_dir ${_candidates})
  if(EXISTS ${_dir}/lib/libtorch_cpu.so)
    set(Libtorch_ROOT_DIR ${_dir})
    break()
  endif()
endforeach()
if(NOT Libtorch_ROOT_DIR)
  message(FATAL_ERROR "no libtorch_cpu.so under ${GLMV_TORCH}: run ./x setup, or pass -DGLMV_TORCH=DIR")
endif()
if(NOT TARGET glmv_libtorch)
  foreach(_lib c10 torch_cpu)
    add_library(libtorch_${_lib} SHARED IMPORTED)
    set_target_properties(libtorch_${_lib} PROPERTIES
      IMPORTED_LOCATION ${Libtorch_ROOT_DIR}/lib/lib${_lib}.so)
  endforeach()
  # The wheel carries headers of other libraries (its own fmt 12 beside the system's); only torch's
  # own folders may be seen.
  set(_include ${CMAKE_BINARY_DIR}/libtorch_include)
  file(MAKE_DIRECTORY ${_include})
  foreach(_name ATen c10 torch caffe2)
    file(CREATE_LINK ${Libtorch_ROOT_DIR}/include/${_name} ${_include}/${_name} SYMBOLIC)
  endforeach()
  add_library(glmv_libtorch INTERFACE)
  target_include_directories(glmv_libtorch SYSTEM INTERFACE ${_include}
    ${_include}/torch/csrc/api/include)
  target_link_libraries(glmv_libtorch INTERFACE libtorch_torch_cpu libtorch_c10)
  # --as-needed would drop libtorch_cpu from a program that only calls c10 inline functions, and
  # with it the static initialisers that register the operators.
  target_link_options(glmv_libtorch INTERFACE "LINKER:--no-as-needed")
  # at::parallel_for is a template: without OpenMP in the code that calls it, it runs on one thread.
  # The runtime must be torch's own, so that there is one team of threads. clang's OpenMP needs
  # another runtime: its builds (the fuzz targets) run these loops on one thread.
  file(GLOB _openmp ${Libtorch_ROOT_DIR}/lib/libgomp*.so*)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT GLMV_SANITIZE STREQUAL "thread")
    target_compile_options(glmv_libtorch INTERFACE -fopenmp)
    if(_openmp)
      list(GET _openmp 0 _openmp)
      target_link_libraries(glmv_libtorch INTERFACE ${_openmp})
    else()
      target_link_options(glmv_libtorch INTERFACE -fopenmp)
    endif()
  elseif(NOT GLMV_FUZZ)
    message(WARNING "this compiler shares no OpenMP runtime with torch: decoding uses one core. Build with GCC.")
  endif()
  # The CUDA-built wheel's libtorch_cpu needs these at load time, also where there is no GPU.
  file(GLOB _cuda_libs ${GLMV_TORCH}/nvidia/*/lib ${GLMV_TORCH}/nvidia/*/*/lib)
  set(GLMV_TORCH_RPATH ${Libtorch_ROOT_DIR}/lib ${_cuda_libs})
  foreach(_dir ${_cuda_libs})
    target_link_options(glmv_libtorch INTERFACE "LINKER:-rpath-link,${_dir}")
  endforeach()
endif()
set(Libtorch_FOUND TRUE)
