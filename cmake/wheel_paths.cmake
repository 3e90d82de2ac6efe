# For CMAKE_PROJECT_INCLUDE, where ROS 2 comes from wheels. At the end of configure:
# 1. Targets that the wheels export name the include folders of the machine they were built on:
#    put this Python's and NumPy's in their place.
# 2. Our targets must not export include folders of a virtual environment inside the sources:
#    CMake refuses that. They are for this build only.

function(alike_ros_repair_wheel_paths)
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c
      "import numpy, sysconfig; print(sysconfig.get_path('include'), numpy.get_include(), sep=';')"
    OUTPUT_VARIABLE here
    OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY
  )
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(includes MATCHES "/opt/python/")
      list(FILTER includes EXCLUDE REGEX "^/opt/python/")
      set_target_properties(${target} PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${includes};${here}")
    endif()
  endforeach()

  get_property(targets DIRECTORY PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(includes)
      list(TRANSFORM includes REPLACE "^(.*/site-packages/.*)$" "$<BUILD_INTERFACE:\\1>")
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${includes}")
    endif()
  endforeach()
endfunction()

cmake_language(DEFER CALL alike_ros_repair_wheel_paths)
